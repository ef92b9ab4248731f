"""What the order is worth and what it is made of, on a board's own validation queries: writes ``docs/ranking.md``.

    python -m benchmarks.ranking --config FILE --data DIR --out docs/ranking.md [--cache DIR]

Ablation of signals and sources, pool recall, slices, learned weights, cost of every stage.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.ranking_cost import costs
from benchmarks.ranking_page import Found, page
from benchmarks.ranking_pools import pool_recalls, whole_order, without_sources
from benchmarks.ranking_signals import ablate
from jobrec import default_cache
from recsys.engine import Engine
from training.choose import cuts_of
from training.config import load_config
from training.evaluate import affordable, ask_board, by_fold, measure, rankers_of
from training.learned import learned_of
from training.report import Report
from training.summarise import summarise
from training.teach import teach

SIZES = (20, 50, 160, 320)


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def run(config_file: Path, data: Path, cache: Path) -> Found:
    """Everything that the page shows."""
    config = load_config(config_file)
    seed = config.validation.seed
    asked, prepared = ask_board(config, data, cache, say)
    taught = teach(prepared, config.engine, config.validation, asked)
    lessons = taught.lessons
    rankers = rankers_of(lessons, config.validation, ablate=False, rivals=taught.rivals)
    measured = measure(asked, rankers, lessons, config, prepared.postings["region"].to_numpy(object))
    say(f"order: {measured.systems.order}, measured on {len(measured)} queries")
    report = Report(summarise(measured, learned_of(rankers, lessons), seed=seed))
    parts = [one for one in affordable(asked, config) if len(one.block)]
    order = measured.systems.order
    chosen = by_fold(rankers, order)
    cuts = cuts_of(order, chosen, lessons)
    served, sources = without_sources(parts, chosen, cuts, config.engine, seed, say)
    whole = whole_order(parts, chosen, seed)
    recalls = pool_recalls(parts, whole, cuts, config.engine, SIZES, seed)
    say("pools measured")
    last = parts[-1]
    stages, rooms = costs(
        Engine(last.catalogue, chosen[0], config.engine, {}, cut=cuts[0]), last.queries, prepared.postings
    )
    say("costs measured")
    ablation = ablate(parts, lessons, seed, say)
    return Found(
        f"{config_file.parent.name}/{config_file.name}",
        report,
        ablation,
        tuple(np.asarray(served, float)),
        sources,
        recalls,
        stages,
        rooms,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/ranking.md"))
    parser.add_argument("--cache", type=Path, default=default_cache())
    args = parser.parse_args()
    args.out.write_text(page(run(args.config, args.data, args.cache)), encoding="utf-8")
    say(f"written: {args.out}")


if __name__ == "__main__":
    main()
