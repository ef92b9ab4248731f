"""What retrieval keeps of the exhaustive list: writes ``docs/pool-recall.md``.

    python -m benchmarks.pool_recall --work DIR [--config board.yaml --data DIR] [--out docs/pool-recall.md]

For every request all open postings are scored by the learned order; counted is how much of the first ten a pool holds.
"""

import argparse
import hashlib
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.market import market_bundle, prepared_market
from recsys.catalogue import Catalogue
from recsys.config import EngineSettings, RetrieveSettings
from recsys.cut import cut
from recsys.eligible import eligible
from recsys.engine import one_thread_each
from recsys.interests import Interests, find_interests
from recsys.pool import SOURCES, Pool
from recsys.queries import Queries
from recsys.rank import LinearRanker, sum_mask
from recsys.retrieve import retrieve
from recsys.signals import compute
from serving.score import Scorer
from training.config import TrainConfig, ValidationSettings, load_config
from training.learn import Lessons, learn_cut, learn_linear
from training.prepare import Prepared
from training.split import latest_moment, validation_blocks
from training.train import prepare_tables, read
from training.validate import FOLDS, Asked, ask, lessons_of, whole_lists

Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]

TOP = 10  # postings of the exhaustive list that are looked for
POOLS = (20, 50, 150, 240, 500)
_AT_ONCE, _CHUNK = 1, 4096  # requests and postings scored at once in an exhaustive list: what a cache holds
_DRAWN = 100  # requests drawn at least: a shorter run asks the first of them
_CROWD = 1000  # postings at one point from which on a place is called crowded


@dataclass(frozen=True)
class Case:
    """Requests of one kind on one catalogue.

    Attributes:
        catalogue, queries: who asks of what.
        order: by which the union is cut.
        top: int32 (B, TOP), the exhaustive list, -1 padded.
        answer: int32 (B,), what was then chosen, -1 where it is not known.
    """

    catalogue: Catalogue
    queries: Queries
    order: LinearRanker
    top: Rows
    answer: Rows


def exhaustive(catalogue: Catalogue, queries: Queries, interests: Interests, ranker: LinearRanker) -> Rows:
    """The first ``TOP`` of all open postings, int32 (B, TOP), ascending row on ties; in chunks, with a running top."""
    rows = np.flatnonzero(catalogue.open).astype(np.int32)
    best = np.full((len(queries), TOP), -1, np.int32)
    for at in range(0, len(queries), _AT_ONCE):
        to = min(at + _AT_ONCE, len(queries))
        block, wants = queries.part(at, to), interests.part(at, to)
        held = np.empty((to - at, 0), np.int32)
        score = np.empty((to - at, 0), np.float32)
        for first in range(0, len(rows), _CHUNK):
            chunk = np.broadcast_to(rows[first : first + _CHUNK], (to - at, len(rows[first : first + _CHUNK])))
            scores = ranker.score(compute(catalogue, block, wants, chunk))
            scores[~eligible(catalogue, block, chunk)] = -np.inf
            held, score = np.concatenate([held, chunk], axis=1), np.concatenate([score, scores], axis=1)
            order = np.argsort(-score, axis=1, kind="stable")[:, :TOP]
            held, score = np.take_along_axis(held, order, 1), np.take_along_axis(score, order, 1)
        best[at:to, : held.shape[1]] = np.where(np.isfinite(score), held, -1)
    return best


def _exhaustive_once(
    folder: Path, catalogue: Catalogue, queries: Queries, interests: Interests, ranker: LinearRanker
) -> Rows:
    """``exhaustive``, kept in ``folder`` for the next run: retrieval has no part in it, and it takes long."""
    weights = np.concatenate([ranker.weights, ranker.missing]).round(3) + 0.0
    asked = hashlib.sha256(weights.tobytes() + queries.history.tobytes() + queries.home.tobytes())
    file = folder / f"exhaustive-{asked.hexdigest()[:16]}.npy"
    if file.exists():
        return np.asarray(np.load(file), np.int32)
    top = exhaustive(catalogue, queries, interests, ranker)
    np.save(file, top)
    return top


def pools_of(case: Case, settings: EngineSettings, sizes: Sequence[int]) -> Iterator[tuple[str, int, Rows]]:
    """Pools by name and size: the union, cut by quick signals or by the place in its lists; each source alone."""
    catalogue, queries = case.catalogue, case.queries
    wide = settings.retrieve
    interests = find_interests(catalogue, queries, wide)
    share = settings.arrange.new_share
    union = retrieve(catalogue, queries, interests, wide, TOP)
    yield "the whole union", wide.union, union.rows
    for size in sizes:
        yield (
            "union, cut by quick signals",
            size,
            cut(catalogue, queries, interests, union, case.order, share, size).rows,
        )
        blind = wide.model_copy(update={"union": size, "pool": 10})
        yield "union, each source cut in proportion", size, retrieve(catalogue, queries, interests, blind, 1).rows
        for bit, source in enumerate(SOURCES):
            brought = (union.sources >> bit & 1).astype(bool)
            alone = Pool(np.where(brought, union.rows, np.int32(-1)), union.sources)
            yield f"{source} alone", size, cut(catalogue, queries, interests, alone, case.order, share, size).rows


def kept(pool: Rows, wanted: Rows) -> NDArray[np.float64]:
    """Share of each request's ``wanted`` (B, m) that its pool (B, n) holds, (B,); NaN where nothing is wanted."""
    request = np.arange(len(pool), dtype=np.int64)[:, None] << 32
    there = wanted >= 0
    inside = np.isin(request | np.maximum(wanted, 0), (request | np.maximum(pool, 0))[pool >= 0]) & there
    with np.errstate(invalid="ignore"):
        return np.asarray(inside.sum(axis=1) / there.sum(axis=1))


@dataclass(frozen=True)
class Figure:
    """Of one kind of pool at one size: share of the top kept, and of the answers, for every request."""

    top: NDArray[np.float64]
    answer: NDArray[np.float64]


Figures = dict[tuple[str, int], Figure]


def measure(cases: Sequence[Case], settings: EngineSettings, sizes: Sequence[int] = POOLS) -> Figures:
    """Every kind of pool at every size, over the requests of all cases."""
    found: dict[tuple[str, int], list[Figure]] = {}
    for case in cases:
        for name, size, rows in pools_of(case, settings, sizes):
            one = Figure(kept(rows, case.top), kept(rows, case.answer[:, None]))
            found.setdefault((name, size), []).append(one)
    return {
        key: Figure(np.concatenate([one.top for one in ones]), np.concatenate([one.answer for one in ones]))
        for key, ones in found.items()
    }


def table(figures: Figures, chosen: Flags, answers: bool) -> list[str]:
    """One row a kind of pool, one column a size, over the ``chosen`` requests."""
    sizes = [size for name, size in figures if name == "union, cut by quick signals"]
    lines = ["| pool of | " + " | ".join(map(str, sizes)) + " |", "|---|" + "---|" * len(sizes)]
    names = list(dict.fromkeys(name for name, _ in figures if name != "the whole union"))
    for name in names:
        cells = []
        for size in sizes:
            figure = figures[name, size]
            cells.append(f"{np.nanmean((figure.answer if answers else figure.top)[chosen]):.3f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    (whole,) = [figure for (name, _), figure in figures.items() if name == "the whole union"]
    value = np.nanmean((whole.answer if answers else whole.top)[chosen])
    return [*lines, "", f"The whole union holds {value:.3f}."]


def learn(
    prepared: Prepared, config: TrainConfig, now: float
) -> tuple[list[Asked], list[LinearRanker], list[LinearRanker]]:
    """The validation queries; for each fold the order and the cut that were learned on the other."""
    blocks = validation_blocks(prepared, config.engine.events, config.validation, now)
    asked = [ask(prepared, config.engine, block) for block in blocks]
    lessons = Lessons.join([lessons_of(one, config.validation) for one in asked])
    others = [lessons.where(lessons.fold != fold) for fold in range(FOLDS)]
    orders = [learn_linear(one, sum_mask()) for one in others]
    return asked, orders, [learn_cut(one) for one in others]


def real_board(config: TrainConfig, data: Path, work: Path, requests: int) -> tuple[list[str], list[Case], Flags]:
    """Validation queries of a board, in cases of one block and one fold each; which answers had events."""
    tables = read(config, data, work / "rejected.parquet", print)
    prepared, _ = prepare_tables(config, tables, work / "cache", print)
    asked, orders, cuts = learn(prepared, config, latest_moment(prepared, time.time()))
    rng, seed = np.random.default_rng(config.validation.seed), config.validation.seed
    share = requests / sum(len(one.block) for one in asked)
    cases, seen = [], []
    for one in asked:
        drawn = one.sample(rng.random(len(one.block)) < share)
        for fold in range(FOLDS):
            part = drawn.sample(drawn.fold(seed) == fold)
            top = whole_lists(part, [orders], (), seed, TOP)[0]
            cases.append(Case(part.catalogue, part.queries, cuts[fold], top, part.block.answer))
            seen.append(part.seen)
    board = cases[0].catalogue
    head = [
        f"{int(board.open.sum()):,} open postings, {sum(map(len, seen)):,} validation requests in {len(asked)} blocks"
    ]
    if not board.dated:
        head.append("(postings carry no dates: seen and new postings are ordered apart, so a pool has to hold both)")
    return head, cases, np.concatenate(seen)


def simulated_board(work: Path, postings: int, requests: int) -> tuple[list[str], Case, Flags]:
    """A market with thousands of postings at one point; the order is learned on a smaller market of the same make."""
    settings = EngineSettings()
    small = prepared_market(_folder(work, 50_000), 50_000, 8_000, 300)
    validation = ValidationSettings(blocks=1, most=2000)
    _, orders, cuts = learn(small, TrainConfig(engine=settings, validation=validation), latest_moment(small, np.inf))
    scorer = Scorer(market_bundle(_folder(work, postings), postings, 100_000, None), verify=False)
    catalogue = scorer.engine.catalogue
    lasting = replace(catalogue.attributes, until=np.full(len(catalogue), np.nan))
    catalogue = replace(catalogue, attributes=lasting)  # all open postings compete: the hardest case
    drawn = np.random.default_rng(0).choice(len(scorer.candidates), max(requests, _DRAWN), replace=False)
    rows = np.sort(drawn)[:requests]
    queries = scorer.candidates.queries(rows, scorer.as_of, settings.events)
    interests = find_interests(catalogue, queries, settings.retrieve)
    top = _exhaustive_once(_folder(work, postings), catalogue, queries, interests, orders[0])
    points, member, counts = np.unique(catalogue.place[:, 0], axis=0, return_inverse=True, return_counts=True)
    crowded = (counts[member[np.maximum(top, 0)]] >= _CROWD).mean(axis=1) >= 0.5
    head = [
        f"{len(catalogue):,} postings, all open, at {len(points):,} points, {counts.max():,} at one of them, at least "
        f"{_CROWD:,} at each of {int((counts >= _CROWD).sum()):,}; "
        f"{len(rows)} requests, of which {int(crowded.sum())} have most of their exhaustive list at points of at "
        f"least {_CROWD:,} postings. Text vectors are drawn around centres, not encoded. The order was learned on a "
        "market of 50,000 postings of the same make."
    ]
    return head, Case(catalogue, queries, cuts[0], top, np.full(len(rows), -1, np.int32)), crowded


def _folder(work: Path, postings: int) -> Path:
    folder = work / str(postings)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def report(args: argparse.Namespace, say: Callable[[str], None]) -> list[str]:
    """The page, section by section."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        "# What the pool keeps of the exhaustive list",
        "",
        f"Written by `python -m benchmarks.pool_recall` on {time.strftime('%Y-%m-%d')}, "
        f"commit {commit.stdout.strip() or 'unknown'}.",
        "",
        "For each request all open postings are scored by the learned order. The tables say which share of the first "
        f"{TOP} stands in a pool of the size at the head of the column. All pools but the second row's are cut from "
        f"the same union of {RetrieveSettings().union} postings.",
    ]
    if args.config is not None:
        config = load_config(args.config)
        head, cases, seen = real_board(config, args.data, args.work, args.requests)
        say(head[0])
        figures = measure(cases, config.engine)
        lines += ["", f"## {args.config.stem}", "", *head, "", *table(figures, np.ones(len(seen), bool), False)]
        if not cases[0].catalogue.dated:
            lines += ["", "### Requests whose answer was new", "", *table(figures, ~seen, False)]
            lines += ["", "### Requests whose answer had events", "", *table(figures, seen, False)]
        lines += ["", "### The posting that was then chosen", "", *table(figures, np.ones(len(seen), bool), True)]
    if args.postings:
        head, case, crowded = simulated_board(args.work, args.postings, args.simulated)
        say(head[0])
        figures = measure([case], EngineSettings())
        lines += ["", "## A simulated board", "", *head, "", *table(figures, np.ones(len(crowded), bool), False)]
        lines += ["", f"### Requests at points of at least {_CROWD:,} postings", "", *table(figures, crowded, False)]
    return lines


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for markets and caches, kept for the next run")
    parser.add_argument("--config", type=Path, help="YAML file of a real board")
    parser.add_argument("--data", type=Path, help="its data")
    parser.add_argument("--requests", type=int, default=1000, help="validation requests of the real board")
    parser.add_argument("--postings", type=int, default=1_000_000, help="of the simulated board; 0: none")
    parser.add_argument("--simulated", type=int, default=300, help="requests of the simulated board")
    parser.add_argument("--out", type=Path, default=Path("docs/pool-recall.md"))
    args = parser.parse_args()
    with one_thread_each():
        lines = report(args, lambda line: print(line, flush=True))
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
