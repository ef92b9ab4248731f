"""The hash encoder at a stated pace, so that what waits for it can be watched."""

import threading
import time

from recsys.encode import HashEncoder


class SlowEncoder:
    """Takes ``seconds`` for each text, and notes every batch."""

    def __init__(self, seconds=0.0):
        self.inner = HashEncoder()
        self.name, self.dimension = self.inner.name, self.inner.dimension
        self.seconds = seconds
        self.batches = []
        self.may_go = threading.Event()
        self.may_go.set()

    def encode(self, texts, progress=False):
        self.may_go.wait(10)
        self.batches.append(list(texts))
        if "poison" in texts:
            raise ValueError("poison")
        time.sleep(self.seconds * len(texts))
        return self.inner.encode(texts)
