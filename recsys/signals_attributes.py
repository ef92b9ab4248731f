"""Signals of attributes: employer, trade, level, pay and skills; age on the board."""

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.interests import Interests
from recsys.queries import VIEWED, Queries
from recsys.signal import NOTHING, Signal

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]

_DAY = 86_400.0

SIGNALS = (
    Signal("employer_met", "attributes", "share of the history that is with the same employer"),
    Signal("industry_met", "attributes", "share of the history that is in the same industry"),
    Signal("occupation_met", "attributes", "share of the history that is in the same occupation"),
    Signal("region_met", "place", "share of the history that is in the same region, near or not"),
    Signal("seniority_gap", "attributes", "minus the levels between the posting and the candidate"),
    Signal("pay_fit", "attributes", "log of the posting's highest pay over the least pay wanted, within -1 and 1"),
    Signal("skills_met", "attributes", "share of the posting's skills that the candidate has"),
    Signal("freshness", "board", "-log(1 + days since posted / 7)"),
)


def met(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """What the candidate met before: employer, industry, occupation; how fresh the posting is."""
    a = catalogue.attributes
    age = (queries.now[:, None] - a.posted[rows]) / _DAY
    return {
        "employer_met": _share_met(a.company, queries, rows),
        "industry_met": _share_met(a.industry, queries, rows),
        "occupation_met": _share_met(a.occupation, queries, rows),
        "region_met": _share_met(a.region, queries, rows),
        "freshness": -np.log1p(np.maximum(age, 0) / 7).astype(np.float32),
    }


def fits(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows) -> dict[str, Numbers]:
    """What the posting asks and pays against what the candidate has and wants."""
    a = catalogue.attributes
    with np.errstate(divide="ignore", invalid="ignore"):
        pay = np.log(a.pay_high[rows] / queries.pay[:, None])
    return {
        "seniority_gap": -np.abs(a.seniority[rows] - queries.seniority[:, None]),
        "pay_fit": np.clip(pay, -1, 1),
        "skills_met": _skills_met(a.skills, queries.skills, rows),
    }


def _share_met(codes: Rows, queries: Queries, rows: Rows) -> Numbers:
    """Weighted share of the history whose code equals the posting's: (B, n), NaN where either has none."""
    viewed = queries.history[:, :VIEWED]
    mine = np.where(viewed >= 0, codes[np.maximum(viewed, 0)], np.int32(-1))
    known = mine >= 0
    weight = np.where(known, queries.weight[:, :VIEWED], 0).astype(np.float32)
    theirs = codes[rows]
    same = (theirs[:, None] == mine[..., None]).astype(np.float32)
    met = np.matmul(weight[:, None], same)[:, 0]
    unknown = (theirs < 0) | ~np.any(known, axis=1, keepdims=True)
    return np.where(unknown, NOTHING, met / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9))


def _skills_met(skills: Rows, mine: Rows, rows: Rows) -> Numbers:
    theirs = skills[rows]
    asked = theirs >= 0
    number = asked.sum(axis=2)
    has = (theirs[:, None] == mine[:, :, None, None]).any(axis=1)
    share = (has & asked).sum(axis=2) / np.maximum(number, 1)
    unknown = (number == 0) | ~np.any(mine >= 0, axis=1, keepdims=True)
    return np.where(unknown, np.nan, share).astype(np.float32)
