"""Sends planned mails over several connections, each by the steps of the ledger, and what failed for now again."""

import heapq
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

from serving.alerts.ended import Ended
from serving.alerts.postman import Outcome, Postman, PostUnavailable, Steps
from serving.alerts.render import Renderer
from serving.alerts.settings import AlertSettings
from serving.store.ledger import Ledger
from serving.store.mails import Mail, Step

_LOOK = 0.05  # seconds between two looks at a mail that waits
_MOST_WHY = 500  # characters
#: A mail that may have come already, and is still not accepted so many seconds after its plan, is taken for sent: its
#: alert would wait for it for ever.
UNSURE_SECONDS: Final = 3 * 86_400.0


@dataclass
class _Waiting:
    """Mails by when they are due; of several threads."""

    mails: list[tuple[float, str, Mail]]
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> Mail | float | None:
        """A mail that is due, the seconds to wait, or None: there is no other, nor will there be."""
        with self.lock:
            now = time.time()
            if self.mails and self.mails[0][0] <= now:
                self.busy += 1
                return heapq.heappop(self.mails)[2]
            if not self.mails and not self.busy:
                return None
            return min(self.mails[0][0] - now, _LOOK) if self.mails else _LOOK

    def done(self, again: Mail | None) -> None:
        """A mail was tried; ``again``: in its new form, once it is due."""
        with self.lock:
            self.busy -= 1
            if again is not None:
                heapq.heappush(self.mails, (again.due, again.message, again))


class Deliverer:
    """Sends the mails of one run.

    Args:
        ledger: where each step is written down.
        renderer: makes messages.
        ended: postings that ended since the run began.
        settings: of attempts and connections.
        postman: makes a connection.
        moment: of the run.
        until: no mail is begun after this moment, seconds since 1970.
        steps: told of each step.
    """

    def __init__(
        self,
        ledger: Ledger,
        renderer: Renderer,
        ended: Ended,
        settings: AlertSettings,
        postman: Callable[[], Postman],
        moment: float,
        until: float,
        steps: Steps,
    ) -> None:
        self._ledger, self._renderer, self._ended, self._settings = ledger, renderer, ended, settings
        self._postman, self._moment, self._until, self._steps = postman, moment, until, steps
        self._stop = threading.Event()
        self.counts: Counter[str] = Counter()  #: outcomes
        self.trouble = ""  #: why nothing could be sent
        self.unmade: dict[str, str] = {}  #: alerts of which no mail could be made, and why
        self._lock = threading.Lock()

    def deliver(self, mails: Sequence[Mail]) -> None:
        """Tries all of them, as often as the settings say.

        Raises:
            TurnTaken, StoreError: what a thread ended with; the others end, too.
        """
        self._ended.look()
        waiting = _Waiting([(mail.due, mail.message, mail) for mail in mails])
        heapq.heapify(waiting.mails)
        threads = min(self._settings.smtp.connections, max(len(mails), 1))
        with ThreadPoolExecutor(threads, "jobrec-mail") as pool:
            for one in [pool.submit(self._work, waiting) for _ in range(threads)]:
                one.result()

    def _work(self, waiting: _Waiting) -> None:
        postman = self._postman()
        try:
            while not self._stop.is_set() and time.time() < self._until:
                found = waiting.next()
                if found is None:
                    return
                if isinstance(found, float):
                    self._stop.wait(max(found, 0.001))
                    continue
                waiting.done(self._try(postman, found))
        except BaseException:
            self._stop.set()
            raise
        finally:
            postman.close()

    def _try(self, postman: Postman, mail: Mail) -> Mail | None:
        """One attempt; the mail in its new form where there is to be another in this run."""
        kept = mail if mail.unsure else self._ended.without(mail)
        if not kept.content["lines"]:
            self._take(Step("dropped", kept, "all of it has ended"))
            return None
        if kept.content["to"] is None:
            self._take(Step("fed", kept))
            return None
        message = self._made(kept)
        if message is None:
            return None
        for attempt in range(self._settings.attempts):
            try:
                outcome = postman.carry(message, lambda: self._begin(kept))
                return self._written(kept, outcome)
            except PostUnavailable as error:
                if attempt + 1 == self._settings.attempts or time.time() > self._until:
                    self.trouble = str(error)
                    self._stop.set()
                self._stop.wait(self._settings.backoff_seconds * 2**attempt)
                if self._stop.is_set():
                    return None
        return None

    def _made(self, mail: Mail) -> EmailMessage | None:
        """The message; None where none can be made of this mail, which waits for the next run: others do not."""
        try:
            return self._renderer.mail(mail)
        except Exception as error:  # an address that ``email`` does not read, a template's slip over one posting
            why = f"no mail could be made: {type(error).__name__}: {error}"[:_MOST_WHY]
        if self._overdue(mail):
            self._take(Step("sent", mail, why))
        else:
            self._ledger.take(Step("later", mail, why))
        with self._lock:
            self.unmade[mail.alert_id] = why
        return None

    def _begin(self, mail: Mail) -> bool:
        self._steps("begin")
        begun = self._ledger.take(Step("begin", mail))
        self._steps("sending")
        return begun

    def _written(self, mail: Mail, outcome: Outcome) -> Mail | None:
        if outcome.kind == "dropped":  # the ledger has done so
            self._count("dropped")
            return None
        if (outcome.kind == "refused" and mail.unsure) or (outcome.kind == "later" and self._overdue(mail)):
            outcome = Outcome("sent", outcome.reply)  # as the ledger sees it, perhaps: planned anew it might come twice
        due = 0.0
        if outcome.kind in ("later", "unsure"):
            here = mail.tries % self._settings.attempts  # in this run: everybody waits for what earlier ones left
            due = time.time() + self._settings.backoff_seconds * 2 ** min(here, 10)
        self._take(Step(outcome.kind, mail, outcome.reply, due))
        self._steps("written")
        tries, unsure = mail.tries + (outcome.kind == "later"), mail.unsure + (outcome.kind == "unsure")
        if outcome.kind == "later" and tries % self._settings.attempts == 0:
            return None  # enough for this run
        if outcome.kind == "later" or (outcome.kind == "unsure" and unsure == 1):
            return Mail(mail.message, mail.alert_id, mail.content, mail.upto, mail.at, due, tries, unsure)
        return None

    def _overdue(self, mail: Mail) -> bool:
        """Whether a mail may have come already, and was planned long ago."""
        return mail.unsure > 0 and self._moment - mail.at >= UNSURE_SECONDS

    def _take(self, step: Step) -> None:
        self._ledger.take(step)
        kind = "perhaps" if step.kind == "sent" and step.mail.unsure else step.kind
        self._count(kind)

    def _count(self, kind: str) -> None:
        with self._lock:
            self.counts[kind] += 1
