"""One run of the alerts: fix a state, plan, send. Killed at any moment, the next run goes on with equal answers.

``steps`` is told of each step as it is done, so that a test can end the process there: "turn", "begun", "planned",
"begin", "sending", "data", "accepted", "written" and "finished".
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recsys.bundle import Bundle, open_bundle
from recsys.encode import EncoderConfig, load_encoder
from recsys.vectors import VectorCache
from serving.alerts.deliver import Deliverer
from serving.alerts.ended import Ended
from serving.alerts.lines import Describer
from serving.alerts.match import Encode, Matcher
from serving.alerts.news import news_of
from serving.alerts.plan import Planner
from serving.alerts.postman import Postman, Steps
from serving.alerts.render import Renderer
from serving.alerts.settings import AlertSettings
from serving.live.replay import state_at
from serving.live.state import State
from serving.store.alerts import AlertBook
from serving.store.ledger import Ledger
from serving.store.old_mails import prune_mails
from serving.store.store import Store
from serving.store.turn import Fixed, Turn, TurnTaken

Say = Callable[[str], None]
_BEATS: Final = 4  # signs of life in the time of a lease
_DAY: Final = 86_400.0
_TIDY: Final = 6.0  # seconds a minute of a run: at most a tenth is spent on what is old


class Run:
    """One run over all alerts of a store.

    Args:
        store: open.
        bundle: its folder.
        settings: see there.
        postman: makes a connection by which mails leave.
        encode: the words of alerts to vectors; None: only words count.
        clock: the present moment, seconds since 1970.
        steps: told of each step.
        say: a line of progress.
    """

    def __init__(
        self,
        store: Store,
        bundle: Path,
        settings: AlertSettings,
        postman: Callable[[], Postman],
        encode: Encode | None = None,
        clock: Callable[[], float] = time.time,
        steps: Steps = lambda step: None,
        say: Say = lambda line: None,
    ) -> None:
        self._store, self._settings, self._postman, self._encode = store, settings, postman, encode
        self._clock, self._steps, self._say = clock, steps, say
        self._folder = bundle
        self._turn = Turn(store.engine, settings.lease_seconds)
        self._ledger = Ledger(store, self._turn, settings.set_aside)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()

    def run(self) -> dict[str, Any]:
        """Plans and sends until all is done or the time is over.

        Returns:
            "finished": all alerts were looked after; "position", "indexed", "moment"; "alerts" looked at, "planned"
            mails, and how many were "sent", "perhaps" sent twice, "fed", left for "later", "unsure", "refused" and
            "dropped"; "unusable": alerts with filters that the board does not know; "unmade": alerts of which no mail
            could be made; both with the reason; "trouble"; "pruned": old mails that were dropped from the ledger;
            "seconds" by stage.

        Raises:
            TurnTaken: another run is at work.
            JobrecError: the bundle or the store cannot be used.
        """
        self._turn.take()
        self._steps("turn")
        until = time.time() + 60 * self._settings.minutes
        with self._alive():
            try:
                return self._run(until)
            finally:
                self._turn.give_back()

    def _run(self, until: float) -> dict[str, Any]:
        with self._timed("open"):
            bundle = open_bundle(self._folder)
            fixed = self._fix(bundle)
            state = state_at(bundle, self._store, fixed.position, fixed.indexed)
        deliverer = self._deliverer(state, fixed, until)
        left = self._ledger.recover()
        self._say(f"position {fixed.position}, indexed {fixed.indexed}; {len(left)} mails of an earlier run")
        with self._timed("send"):
            deliverer.deliver(left)
        with self._timed("news"):
            planner = self._planner(bundle, state, fixed)
        done = self._all(planner, fixed, deliverer, until) and not deliverer.trouble
        if done:
            self._turn.finish(self._settings.reach_days)
            self._steps("finished")
        with self._timed("prune"):
            before, most = fixed.moment - self._settings.keep_days * _DAY, _TIDY * self._settings.minutes
            pruned = prune_mails(self._store.engine, self._turn, before, time.time() + most)
        return {
            "finished": done,
            "position": fixed.position,
            "indexed": fixed.indexed,
            "moment": fixed.moment,
            "new_postings": len(planner.news),
            **self._counts,
            **deliverer.counts,
            "unusable": planner.matcher.unusable,
            "unmade": deliverer.unmade,
            "trouble": deliverer.trouble,
            "pruned": pruned,
            "seconds": {name: round(seconds, 3) for name, seconds in self._seconds.items()},
        }

    def _fix(self, bundle: Bundle) -> Fixed:
        head, encoder = self._store.head(), str(bundle.manifest["encoder"]["name"])
        indexed = max(min(self._store.indexed(encoder), head), int(bundle.manifest["position"]))
        fresh = Fixed(bundle.name, max(head, indexed), indexed, self._clock())
        fixed = self._turn.begin(fresh, 3600 * self._settings.resume_hours)
        self._steps("begun")
        return fixed

    def _planner(self, bundle: Bundle, state: State, fixed: Fixed) -> Planner:
        lowest = self._ledger.lowest(fixed.moment, self._settings.reach_days)
        news = news_of(self._store, bundle, state, fixed.indexed if lowest is None else lowest, fixed.indexed)
        known = {str(one["posting_id"]): one for one in news.documents}
        describer = Describer(state, self._store, self._settings.posting_url, known)
        matcher = Matcher(state, news, self._encode, self._settings.alike)
        name = self._store.identity()
        return Planner(state, fixed, news, matcher, describer, self._ledger, self._settings, name)

    def _deliverer(self, state: State, fixed: Fixed, until: float) -> Deliverer:
        renderer = Renderer(self._settings, AlertBook(self._store).secret)
        ended = Ended(self._store, fixed.position, state.engine.settings.events.hide, self._clock)
        return Deliverer(self._ledger, renderer, ended, self._settings, self._postman, fixed.moment, until, self._steps)

    def _all(self, planner: Planner, fixed: Fixed, deliverer: Deliverer, until: float) -> bool:
        """Chunk by chunk; whether none is left."""
        last = ""
        while not deliverer.trouble:
            if time.time() >= until:
                return False
            alerts = self._ledger.due(fixed.moment, fixed.indexed, last, self._settings.chunk)
            if not alerts:
                return True
            last = alerts[-1].alert_id
            with self._timed("plan"):
                plan = planner.plan(alerts)
            with self._timed("write plans"):
                mails = self._ledger.plan(plan.mails, plan.nothing, fixed.indexed, fixed.moment)
            self._counts.update(alerts=len(alerts), planned=len(mails))
            self._steps("planned")
            with self._timed("send"):
                deliverer.deliver(mails)
            self._say(f"{self._counts['alerts']} alerts, {self._counts['planned']} mails")
        return False

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - began

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Signs of life while the run works; where the lease is lost, its next step in the store says so."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(self._settings.lease_seconds / _BEATS):
                try:
                    self._turn.renew()
                except TurnTaken:
                    return
                except Exception as error:  # the store may come back before the lease ends
                    self._say(f"no sign of life could be given: {error}")

        thread = threading.Thread(target=beat, name="jobrec-alive", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def encode_by(bundle: Path, cache: Path) -> Encode:
    """Words to vectors by the bundle's encoder, each text once for all runs; the model is loaded for unknown ones."""
    manifest = open_bundle(bundle, verify=False).manifest["encoder"]
    encoder = load_encoder(EncoderConfig.model_validate(manifest["config"]), cache)
    vectors = VectorCache(cache, encoder.name, encoder.dimension)

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return vectors.encode(texts, encoder).astype(np.float32)

    return encode
