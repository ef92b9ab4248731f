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
        self.broken = None  # raised whatever the texts are
        self.poison = ValueError("poison")  # raised where one of them is "poison"
        self.once = []  # raised once each
        self.may_go = threading.Event()
        self.may_go.set()

    def encode(self, texts, progress=False):
        self.may_go.wait(10)
        self.batches.append(list(texts))
        if self.broken is not None:
            raise self.broken
        if "poison" in texts:
            raise self.poison
        if self.once:
            raise self.once.pop()
        time.sleep(self.seconds * len(texts))
        return self.inner.encode(texts)
