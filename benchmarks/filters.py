"""Filters inside retrieval: what they find beside brute force, and what they cost. Writes ``docs/filters-figures.md``.

    python -m benchmarks.filters --work DIR [--postings 1000000] [--filters 500] [--out docs/filters-figures.md]

Each random filter is asked for by one candidate of a simulated market. Brute force scores every posting that the filter
leaves by every signal. Both calls that are compared are timed in turn, on one thread.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.market import market_bundle
from benchmarks.speed import in_turn, origin
from recsys.arrange import arrange, one_of_copies
from recsys.attributes import EMPLOYMENT, LEVELS
from recsys.catalogue import Catalogue
from recsys.config import FilterSettings
from recsys.eligible import eligible
from recsys.engine import Engine, one_thread_each
from recsys.filters import Filters
from recsys.interests import find_interests
from recsys.narrow import conditions, open_postings
from recsys.queries import Queries
from recsys.signals import compute
from serving.score import Scorer

Flags = NDArray[np.bool_]
Rows = NDArray[np.int32]

K = 10
PLANS = ("searched", "all by quick signals", "all by every signal")
_LARGEST, _SMALLEST = 0.5, 1e-5  # shares of the postings that filters leave
_CHUNK = 4096  # postings scored at once by brute force: what a cache holds
_BANDS = (0.5, 0.1, 0.01, 0.001, 0.0001, 0.0)


@dataclass(frozen=True)
class Outcome:
    """One filter, asked for by one candidate.

    Attributes:
        share: of the open postings that the filter leaves.
        plan: what the planner did with them, one of ``PLANS``.
        wanted, found: the first ``K`` by brute force and by the engine, -1 padded.
        whole, plain: milliseconds with the filter and without any.
        again: milliseconds with the filter where what it leaves is remembered.
    """

    share: float
    plan: str
    wanted: Rows
    found: Rows
    whole: float
    plain: float
    again: float

    @property
    def overlap(self) -> float:
        """Share of brute force's list that the engine lists."""
        wanted = self.wanted[self.wanted >= 0]
        return float(np.isin(wanted, self.found).mean()) if len(wanted) else 1.0

    @property
    def missing(self) -> int:
        """Postings that brute force lists and for which the engine has no place filled."""
        return int((self.wanted >= 0).sum()) - int((self.found >= 0).sum())


def draw(catalogue: Catalogue, homes: NDArray[np.float64], share: float, rng: np.random.Generator) -> Filters:
    """A filter of one to three conditions, the last of them chosen so that about ``share`` of the postings is left."""
    target = max(share * int(open_postings(catalogue).sum()), 1.0)
    asked: dict[str, object] = {}
    for name in rng.permutation(["employment", "seniority", "remote", "place", "pay"])[: rng.integers(0, 3)]:
        wider = asked | _condition(str(name), homes, rng)
        if _count(catalogue, wider) >= 2 * target:
            asked = wider
    left = np.flatnonzero(_passed(catalogue, asked))
    if rng.random() < 0.5:
        posted = np.sort(catalogue.attributes.posted[left])
        posted = posted[np.isfinite(posted)]
        return Filters.model_validate(asked | {"posted_after": float(posted[-min(int(target), len(posted))])})
    worth = np.sort(catalogue.attributes.worth_high[left])
    worth = worth[np.isfinite(worth)]
    return Filters.model_validate(
        asked | {"pay_least": float(worth[-min(int(target), len(worth))]), "pay_known": True, "pay_period": "YEAR"}
    )


def _condition(name: str, homes: NDArray[np.float64], rng: np.random.Generator) -> dict[str, object]:
    if name == "employment":
        return {"employment": (str(rng.choice(list(EMPLOYMENT)[:4])),)}
    if name == "seniority":
        return {"seniority": tuple(rng.permutation(list(LEVELS))[: rng.integers(1, 4)].tolist())}
    if name == "remote":
        return {"remote": bool(rng.random() < 0.5)}
    if name == "pay":
        return {"pay_least": float(rng.uniform(10, 40)), "pay_period": "HOUR"}
    latitude, longitude = homes[rng.integers(len(homes))].tolist()
    reach = float(10 ** rng.uniform(1, 3))
    return {"latitude": latitude, "longitude": longitude, "within_km": reach, "or_remote": bool(rng.random() < 0.3)}


def _passed(catalogue: Catalogue, asked: dict[str, object]) -> Flags:
    found = conditions(catalogue, Filters.model_validate(asked)).values()
    passed: Flags = open_postings(catalogue) & np.logical_and.reduce([np.ones(len(catalogue), bool), *found])
    return passed


def _count(catalogue: Catalogue, asked: dict[str, object]) -> int:
    return int(_passed(catalogue, asked).sum())


def brute_force(engine: Engine, query: Queries, passed: Flags) -> Rows:
    """The first ``K`` of all postings that passed, every one scored by every signal: int32 (K,), -1 padded."""
    catalogue, rows = engine.catalogue, np.flatnonzero(passed).astype(np.int32)
    found = np.full(K, -1, np.int32)
    if len(rows) == 0:
        return found
    interests = find_interests(catalogue, query, engine.settings.retrieve)
    chunks = [rows[None, at : at + _CHUNK] for at in range(0, len(rows), _CHUNK)]
    scores = np.concatenate([engine.ranker.score(compute(catalogue, query, interests, one)) for one in chunks], axis=1)
    allowed = eligible(catalogue, query, rows[None])
    copies, posted = catalogue.copies.group, catalogue.attributes.posted
    allowed = one_of_copies(copies, posted, scores, allowed, rows[None])  # a list holds one of a vacancy's copies
    seen = None if catalogue.dated else catalogue.behaviour.seen[rows][None]
    company = catalogue.attributes.company[rows][None]
    order = arrange(scores, allowed, seen, company, engine.settings.arrange, K).of(rows[None], -1)[0]
    found[: len(order)] = order
    return found


def plan_of(left: int, engine: Engine) -> str:
    """What the planner does where so many postings are left."""
    rules = engine.settings.filters
    return PLANS[2] if left <= rules.exact else PLANS[1] if left <= rules.listed else PLANS[0]


def measure(scorer: Scorer, count: int, seed: int = 0) -> list[Outcome]:
    """Random filters of shares spread evenly over the logarithm, each asked for by another candidate."""
    engine, rng = _with(scorer.engine, FilterSettings()), np.random.default_rng(seed)
    cold = _with(engine, FilterSettings(remembered_mb=0))
    catalogue, people = engine.catalogue, scorer.candidates
    homes = _degrees(people.profiles.home)
    who = rng.choice(np.flatnonzero(people.histories.lengths > 0), count)
    outcomes = []
    for row, share in zip(who, _LARGEST * (_SMALLEST / _LARGEST) ** rng.random(count), strict=True):
        filters = draw(catalogue, homes, float(share), rng)
        query = people.queries(np.array([row]), scorer.as_of, engine.settings.events)
        timed = in_turn(
            lambda query=query, filters=filters: cold.answer(query, K, filters=filters),
            lambda query=query: cold.answer(query, K),
            pairs=3,
        )
        again = in_turn(lambda query=query, filters=filters: engine.answer(query, K, filters=filters), int, pairs=3)
        passed = _passed(catalogue, filters.model_dump(exclude_defaults=True))
        left = int(passed.sum())
        outcomes.append(
            Outcome(
                share=left / max(int(open_postings(catalogue).sum()), 1),
                plan=plan_of(left, engine),
                wanted=brute_force(engine, query, passed),
                found=engine.answer(query, K, filters=filters).rows[0],
                whole=1e3 * float(np.median(timed.first)),
                plain=1e3 * float(np.median(timed.second)),
                again=1e3 * float(np.median(again.first)),
            )
        )
    return outcomes


def _with(engine: Engine, rules: FilterSettings) -> Engine:
    """The same engine under other rules of filters than those that its bundle was made with."""
    settings = engine.settings.model_copy(update={"filters": rules})
    return replace(engine, settings=settings, catalogue=replace(engine.catalogue, rules=rules))


def _degrees(units: NDArray[np.float32]) -> NDArray[np.float64]:
    """Latitude and longitude (N, 2) of the unit vectors that are known."""
    known = units[~np.isnan(units[:, 0])].astype(np.float64)
    return np.rad2deg(np.column_stack([np.arcsin(known[:, 2]), np.arctan2(known[:, 1], known[:, 0])]))


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """One row a band of shares and a plan."""
    lines = [
        "| left by the filter | plan | filters | equal lists | overlap@10 | worst | places empty | ms, median "
        "| ms, 95 % | times the unfiltered call, median | 95 % | remembered, times, median |",
        "|---" * 12 + "|",
    ]
    for high, low in pairwise(_BANDS):
        top = np.inf if high == _BANDS[0] else high
        for plan in PLANS:
            some = [one for one in outcomes if low < one.share <= top and one.plan == plan]
            if some:
                lines.append(f"| {low:.2%} to {high:.2%} | {plan} | {_cells(some)} |")
    for plan in PLANS:
        some = [one for one in outcomes if one.plan == plan]
        if some:
            lines.append(f"| all | {plan} | {_cells(some)} |")
    return lines


def _cells(some: Sequence[Outcome]) -> str:
    equal = np.mean([np.array_equal(one.wanted, one.found) for one in some])
    overlap = np.array([one.overlap for one in some])
    whole, ratio = np.array([one.whole for one in some]), np.array([one.whole / one.plain for one in some])
    again = np.array([one.again / one.plain for one in some])
    figures = [
        f"{len(some)}", f"{equal:.3f}", f"{overlap.mean():.3f}", f"{overlap.min():.1f}",
        f"{sum(one.missing for one in some)}", f"{np.median(whole):.1f}", f"{np.quantile(whole, 0.95):.1f}",
        f"{np.median(ratio):.2f}", f"{np.quantile(ratio, 0.95):.2f}", f"{np.median(again):.2f}",
    ]  # fmt: skip
    return " | ".join(figures)


def unfiltered(scorer: Scorer, count: int, seed: int = 1) -> list[float]:
    """Overlap of the unfiltered list with brute force over the whole board: what retrieval itself loses."""
    engine, rng = scorer.engine, np.random.default_rng(seed)
    who = rng.choice(np.flatnonzero(scorer.candidates.histories.lengths > 0), count)
    found = []
    for row in who:
        query = scorer.candidates.queries(np.array([row]), scorer.as_of, engine.settings.events)
        wanted = brute_force(engine, query, open_postings(engine.catalogue))
        found.append(float(np.isin(wanted, engine.answer(query, K).rows[0]).mean()))
    return found


def report(args: argparse.Namespace) -> list[str]:
    """The whole page."""
    lines = [
        "# Filters: figures",
        "",
        origin("benchmarks.filters"),
        "",
        "A simulated market whose text vectors are drawn around some thousand centres. Brute force scores all that a",
        "filter leaves by every signal and lists one of several copies of a vacancy, as the engine does; equal lists",
        "have the same ids in the same order. The times are of whole answers, one request on one thread, nothing kept",
        "from an earlier one; in the last column the same filter was asked for before and what it leaves is",
        "remembered (`filters.remembered_mb`). The settings of filters are the defaults.",
    ]
    for postings in args.postings:
        candidates, cities = (4_000, 300) if postings <= 100_000 else (20_000, None)
        folder = args.work / str(postings)
        folder.mkdir(parents=True, exist_ok=True)
        scorer = Scorer(market_bundle(folder, postings, candidates, cities), verify=False)
        started = time.perf_counter()
        with one_thread_each():
            outcomes = measure(scorer, args.filters)
            bare = unfiltered(scorer, args.unfiltered)
        plain = np.array([one.plain for one in outcomes])
        lines += [
            "",
            f"## {postings:,} postings",
            "",
            *table(outcomes),
            "",
            f"Without a filter a call takes {np.median(plain):.1f} ms (median), and its list overlaps with brute force "
            f"over the whole board by {np.mean(bare):.3f} ({len(bare)} requests).",
        ]
        print("\n".join(lines), f"\n{time.perf_counter() - started:.0f} s", flush=True)
    return lines


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for the markets, kept for the next run")
    parser.add_argument("--postings", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--filters", type=int, default=500)
    parser.add_argument("--unfiltered", type=int, default=20, help="requests whose whole board is scored")
    parser.add_argument("--out", type=Path, default=Path("docs/filters-figures.md"))
    args = parser.parse_args()
    args.out.write_text("\n".join(report(args)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
