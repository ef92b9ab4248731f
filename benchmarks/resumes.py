"""CVs with an occupation label against postings: how many of the first ten are in the CV's occupation."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.occupations import TITLES
from benchmarks.text_market import Market, Rows, best
from benchmarks.variants import by_windows, centred
from recsys.text import normalise

K = 10
LEAST_POSTINGS = 5  # in an occupation, for it to be asked for

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Resumes:
    """Q distinct CVs whose occupation has enough postings.

    Attributes:
        texts: Q normalised texts.
        labels: Q occupations.
        relevant: bool (Q, N), postings whose title is in the CV's occupation.
        matching: postings of every occupation, also of those left out.
        rows, distinct: rows of the file, and distinct texts among them.
    """

    texts: list[str]
    labels: list[str]
    relevant: NDArray[np.bool_]
    matching: dict[str, int]
    rows: int
    distinct: int

    @property
    def left_out(self) -> list[str]:
        """Occupations with too few postings."""
        return [label for label, count in self.matching.items() if count < LEAST_POSTINGS]


def read_resumes(file: Path, titles: list[str]) -> Resumes:
    """Distinct CVs, and the postings with ``titles`` that the rule gives to their occupations."""
    frame = pd.read_csv(file)
    distinct = frame.drop_duplicates("Resume")
    member = {
        label: np.array([bool(re.search(pattern, title, re.IGNORECASE)) for title in titles])
        for label, pattern in TITLES.items()
    }
    matching = {label: int(rows.sum()) for label, rows in member.items()}
    asked = distinct[distinct["Category"].map(matching) >= LEAST_POSTINGS]
    labels = asked["Category"].tolist()
    return Resumes(
        texts=[normalise(text) for text in asked["Resume"]],
        labels=labels,
        relevant=np.stack([member[label] for label in labels]),
        matching=matching,
        rows=len(frame),
        distinct=len(distinct),
    )


def precision(resumes: Resumes, lists: Rows) -> Floats:
    """Share of the first K postings that are in the CV's occupation, float64 (Q,)."""
    top = lists[:, :K]
    there = np.take_along_axis(resumes.relevant, np.maximum(top, 0), axis=1) & (top >= 0)
    return there.sum(axis=1) / K


def ask(resumes: Resumes, market: Market) -> dict[str, Floats]:
    """Precision of each way of searching, and what a random list would have."""
    return {
        "engine": precision(resumes, market.by_engine(resumes.texts, K)),
        "BM25": precision(resumes, market.by_words(resumes.texts, K)),
        "random": resumes.relevant.mean(axis=1),
    }


def try_variants(resumes: Resumes, market: Market) -> dict[str, Floats]:
    """Precision by cosines of texts read in other ways."""
    encode = market.encoder.encode
    texts, titles, cvs = encode(market.texts), encode(market.titles), encode(resumes.texts)
    wide, _ = by_windows(market.encoder, resumes.texts)
    scores = {
        "cosine with the text": cvs @ texts.T,
        "cosine with the title": cvs @ titles.T,
        "text + title": cvs @ texts.T + cvs @ titles.T,
        "text, centred": centred(cvs, texts) @ centred(texts, texts).T,
        "text + title, centred": centred(cvs, texts) @ centred(texts, texts).T
        + centred(cvs, titles) @ centred(titles, titles).T,
        "text, CV in windows": wide @ texts.T,
        "text + title, CV in windows": wide @ texts.T + wide @ titles.T,
        "text + title, CV in windows, centred": centred(wide, texts) @ centred(texts, texts).T
        + centred(wide, titles) @ centred(titles, titles).T,
    }
    return {way: precision(resumes, best(score, K)) for way, score in scores.items()}
