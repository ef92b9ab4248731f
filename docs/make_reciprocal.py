"""Writes the request and its real answer into ``docs/reciprocal.md``: python docs/make_reciprocal.py --bundle B"""

import argparse
from pathlib import Path

import numpy as np

from serving.score import Scorer

_PAGE = Path(__file__).parent / "reciprocal.md"
_HEAD = "## An answer\n"


def section(bundle: Path) -> str:
    """The request and the answer for the posting of the board that was chosen most often."""
    scorer = Scorer(bundle)
    catalogue = scorer.engine.catalogue
    shown = np.where(catalogue.open, catalogue.behaviour.popularity, -1)
    posting = str(catalogue.ids.names(np.array([int(np.argmax(shown))]))[0])
    lines = scorer.candidates_for(posting, 5, scorer.as_of)
    rows = [
        f"{line.rank:4d}  {line.together:8.3f}  {line.apply:5.3f}  {line.brings:6.3f}  {line.candidate_id}"
        for line in lines
    ]
    asked = f"$ jobrec candidates --bundle jobviews --posting {posting} -k 5"
    return "\n".join([_HEAD, "```", asked, "      together  apply  brings", *rows, "```", ""])


def main() -> None:
    """Read the command line and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    found = section(parser.parse_args().bundle)
    before = _PAGE.read_text(encoding="utf-8").partition(_HEAD)[0]
    _PAGE.write_text(before + found, encoding="utf-8")


if __name__ == "__main__":
    main()
