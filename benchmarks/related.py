"""What is looked at next: postings that go with a posting, measured on a board's own sittings.

    python -m benchmarks.related --config configs/jobviews.yaml --data DIR --out docs/related-figures.md [--choosing]

Candidates are split: the engine is trained on the events of one part alone, and asked for those of the other, so that
no pair that is asked for is in any co-occurrence. With --choosing only the part that is trained on is used, split once
more, and without the last posting that each candidate looked at first: what the method is, was decided there.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobrec import default_cache
from recsys.cut import quick_part
from recsys.engine import Engine
from recsys.metrics import bootstrap_interval
from recsys.rank import HAND_SET, LinearRanker, Ranker, blend, single
from recsys.schema import VIEW
from training.choose import learn
from training.config import TrainConfig, load_config
from training.losses import PLACES, asked_length, of_stratum
from training.prepare import Prepared
from training.report import interval, table
from training.sittings import SITTING, both_ways, learn_related
from training.snapshot import event_candidates
from training.split import Block, folds, latest_moment, validation_blocks
from training.summarise import differences, per_query
from training.summary import Interval
from training.teach import teach
from training.train import prepare_tables, read
from training.validate import FOLDS, Asked, ask, ranks

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

_SPLIT: Final = 7  # another split of the candidates than that of the folds
MEASURES: Final = ("hit@10", "mrr", "ndcg@10")
OURS, SERVED, PERSONAL = "related", "related, as served", "related, for the candidate"
ALONE: Final = {
    "text alone": single("title_last"),
    "place alone": single("near_last_log"),
    "co-occurrence alone": single("cooccur"),
}
OTHERS: Final = {
    "words of titles alone": single("words_title_viewed"),
    "text and twice the nearness": blend({"title_last": 1.0, "near_any": 2.0}),
    "what is expected next alone": single("title_next"),
    "the hand-set order": HAND_SET,
}


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def part_of(candidate: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """A part 0 ... 2 of each candidate: 0 and 1 are trained on, 2 is asked for the page."""
    return folds(candidate.astype(np.int32), 3, seed + _SPLIT)


def last_first(prepared: Prepared) -> Flags:
    """The event of each candidate with which the last of the postings was looked at first, bool (E,)."""
    histories, owner = prepared.candidates.histories, event_candidates(prepared)
    first = np.sort(np.unique(owner.astype(np.int64) << 32 | histories.posting, return_index=True)[1])
    last = np.zeros(len(owner), bool)
    last[first[np.diff(owner[first], append=-1) != 0]] = True
    return last


def pairs(prepared: Prepared, among: Flags) -> NDArray[np.intp]:
    """Events ``among`` (E,) that look at a posting for the first time, shortly after another one."""
    histories, owner = prepared.candidates.histories, event_candidates(prepared)
    view = np.flatnonzero((histories.kind == VIEW) & among)
    before, after = view[:-1], view[1:]
    together = (owner[before] == owner[after]) & (histories.time[after] - histories.time[before] < SITTING)
    every = np.flatnonzero(histories.kind == VIEW)
    key = owner[every].astype(np.int64) << 32 | histories.posting[every]
    new = np.zeros(len(owner), bool)
    new[every[np.unique(key, return_index=True)[1]]] = True
    copy = prepared.group[histories.posting[before]] == prepared.group[histories.posting[after]]
    return after[together & new[after] & ~copy]


def sittings(prepared: Prepared, config: TrainConfig, known: Flags, among: Flags) -> Asked:
    """The pairs ``among`` the events, asked of a catalogue that knows the ``known`` ones: both bool (E,)."""
    histories, owner = prepared.candidates.histories, event_candidates(prepared)
    at = pairs(prepared, among)
    now = float(np.nanmax(histories.time))
    nothing = np.empty((len(at), 0), np.int32)
    block = Block(
        known=known,
        opened=now,
        closed=now,
        candidate=owner[at],
        visible=(at - histories.start[owner[at]]).astype(np.int64),
        answer=histories.posting[at],
        now=histories.time[at],
        passed=nothing,
        rank=np.full(len(at), -1, np.int16),
    )
    return ask(prepared, config.engine, block)


def learned_orders(prepared: Prepared, config: TrainConfig, known: Flags) -> tuple[LinearRanker, Ranker]:
    """The order of what goes with a posting and the order of lists, as training learns them from the known events."""
    part = replace(prepared, candidates=prepared.candidates.only(known))
    now = latest_moment(part, np.inf)
    asked = [
        ask(part, config.engine, block)
        for block in validation_blocks(part, config.engine.events, config.validation, now)
    ]
    order = learn_related(asked, config.engine, config.validation)
    if order is None:
        raise SystemExit("too few postings were looked at one after another to learn from")
    taught = teach(part, config.engine, config.validation, asked)
    return order, learn("linear", taught.lessons, config.validation.seed)


@dataclass(frozen=True)
class Found:
    """Places of the answers among their stratum.

    Attributes:
        names: of the S orders.
        place: int64 (S, Q), 1 is best, 0: not listed.
        seen: bool (Q,), the answer has events in training.
        candidates: who ask.
    """

    names: tuple[str, ...]
    place: NDArray[np.int64]
    seen: Flags
    candidates: int

    def values(self, measure: str) -> Floats:
        """Of each query, float64 (Q, S)."""
        return per_query(self.place, measure).T


def measure(prepared: Prepared, config: TrainConfig, known: Flags, among: Flags) -> Found:
    """Ask the pairs among some events of everything that is compared."""
    order, main = learned_orders(prepared, config, known)
    say(f"learned: {order.name}")
    asked = sittings(prepared, config, known, among)
    nobody, personal = both_ways(asked, config.engine)
    say(f"{len(asked.block)} pairs")
    orders = {OURS: order, **ALONE, **OTHERS, "the linear order of lists": main}
    seed = config.validation.seed
    columns = [ranks(nobody, [[one] * FOLDS for one in orders.values()], (), seed).T]
    columns.append(ranks(personal, [[order] * FOLDS], (), seed).T)
    columns.append(served(nobody, order, config)[None])
    names = (*orders, PERSONAL, SERVED)
    return Found(names, np.concatenate(columns), asked.seen, len(np.unique(asked.block.candidate)))


def served(asked: Asked, order: LinearRanker, config: TrainConfig) -> NDArray[np.int64]:
    """Place of each answer in the list of its stratum that is really answered, 0 where it is not among the ten."""
    engine = Engine(asked.catalogue, order, config.engine, {}, cut=quick_part(order))
    rows = engine.answer(asked.queries, asked_length(engine, PLACES)).rows
    lists = of_stratum(engine, rows, asked.seen, PLACES)
    same = asked.catalogue.copies.same(lists, asked.block.answer[:, None])
    return np.where(same.any(axis=1), 1 + same.argmax(axis=1), 0)


def strata(found: Found) -> dict[str, list[Flags]]:
    """Parts of the queries; of the first the mean of both is told."""
    return {"mean of seen and new": [found.seen, ~found.seen], "seen": [found.seen], "new": [~found.seen]}


def figure(values: Floats, parts: Sequence[Flags], seed: int) -> Interval:
    """Mean of the parts' means with an interval."""
    weight = np.zeros(len(values))
    for part in parts:
        weight[part] = len(values) / (len(parts) * part.sum())
    return (
        bootstrap_interval(values * weight, seed=seed)
        if len(parts) > 1
        else bootstrap_interval(values[parts[0]], seed=seed)
    )


def tables(found: Found, seed: int) -> list[str]:
    """Tables of Markdown."""
    lines = []
    for name, parts in strata(found).items():
        queries = int(np.any(parts, axis=0).sum())
        body = []
        for at, order in enumerate(found.names):
            cells = [interval(figure(found.values(one)[:, at], parts, seed)) for one in MEASURES]
            body.append((order, *cells))
        lines += [f"## {name} ({queries} pairs)", "", *table(("order by", "hit@10", "MRR", "nDCG@10"), body), ""]
    return lines


def against(found: Found, seed: int) -> list[str]:
    """Ours minus each evidence alone, pair by pair, weighted so that seen and new count alike."""
    weight = np.where(found.seen, len(found.seen) / (2 * found.seen.sum()), len(found.seen) / (2 * (~found.seen).sum()))
    body = []
    for name in (*ALONE, *OTHERS, "the linear order of lists"):
        cells = []
        for one in MEASURES:
            values = found.values(one) * weight[:, None]
            ours, other = (values[:, found.names.index(which)][:, None] for which in (OURS, name))
            cells.append(interval(differences(ours, other, seed)[0][:3], sign="+"))
        body.append((name, *cells))
    return table(("ours minus", "hit@10", "MRR", "nDCG@10"), body)


_HEAD: Final = """# What goes with a posting

{pairs} times a candidate of a real board looked at a posting for the first time less than 30 minutes after another one
({candidates} candidates). From the one, the other is looked for among all postings of its kind: those that had events
in training among such, those without among such, as nothing says which were on the board. The engine was trained on
the events of two thirds of the candidates; the figures are of the others, so that no pair is in any co-occurrence, and
of pairs that were asked for once, after the method had been chosen on candidates of the two thirds. A posting that the
candidate had looked at before is no answer, nor is a copy of the one that is looked at. Brackets are 95 % bootstrap
intervals over pairs. Written by `python -m benchmarks.related`.

All orders but "for the candidate" know nothing but the posting that is looked at. MRR counts places up to 100; "as
served" goes through sources and cut and has ten places.
"""


def page(found: Found, seed: int) -> str:
    """The whole page."""
    head = _HEAD.format(pairs=len(found.seen), candidates=found.candidates)
    return "\n".join([head, *tables(found, seed), "## Ours against others", "", *against(found, seed), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/related-figures.md"))
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument(
        "--choosing", action="store_true", help="only what is trained on, split once more; to the terminal"
    )
    args = parser.parse_args()
    config = load_config(args.config)
    args.cache.mkdir(parents=True, exist_ok=True)
    tables_ = read(config, args.data, args.cache / "related.rejected.parquet", say)
    prepared, _ = prepare_tables(config, tables_, args.cache, say)
    seed = config.validation.seed
    part = part_of(event_candidates(prepared), seed)
    if args.choosing:
        fair = ~last_first(prepared)
        print(page(measure(prepared, config, (part == 0) & fair, (part == 1) & fair), seed))
        return
    args.out.write_text(page(measure(prepared, config, part < 2, part == 2), seed), encoding="utf-8")
    say(f"written: {args.out}")


if __name__ == "__main__":
    main()
