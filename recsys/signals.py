"""The signals: what is known about a candidate and a posting together, one named column each.

A signal that has no evidence is NaN, never 0. All are computed for whole batches: (B, n, F) float32.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.geo import chord_to_km, squared_chords
from recsys.interests import Interests
from recsys.queries import PAST, VIEWED, WANTED, Queries

Rows = NDArray[np.int32]
Numbers = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Families that can be switched off together: text, place, behaviour (collaborative), attributes, board.
FAMILIES = ("text", "place", "behaviour", "attributes", "board")
_DAY = 86_400.0


@dataclass(frozen=True)
class Signal:
    """A column of the signal matrix; one made of two families names both."""

    name: str
    family: str
    meaning: str


def _near(name: str, whom: str) -> list[Signal]:
    return [
        Signal(f"{name}_log", "place", f"-log(1 + km / 10) to {whom}"),
        Signal(f"{name}_20", "place", f"exp(-km / 20) to {whom}"),
        Signal(f"{name}_80", "place", f"exp(-km / 80) to {whom}"),
    ]


SIGNALS: tuple[Signal, ...] = (
    Signal("title_viewed", "text", "best cosine of the title with the titles viewed last"),
    Signal("title_viewed_mean", "text", "mean cosine of the title with the titles viewed last"),
    Signal("title_last", "text", "cosine of the title with the title viewed last"),
    Signal("title_wanted", "text", "best cosine of the title with the desired titles"),
    Signal("title_wanted_mean", "text", "mean cosine of the title with the desired titles"),
    Signal("title_past", "text", "best cosine of the title with titles held"),
    Signal("title_past_last", "text", "cosine of the title with the title held last"),
    Signal("title_any", "text", "best of title_viewed, title_wanted, title_past"),
    Signal("title_profile", "text", "cosine of the title with the whole profile or CV"),
    Signal("text_profile", "text", "cosine of the posting's text with the whole profile or CV"),
    Signal("text_viewed", "text", "cosine of the posting's text with the mean of the postings viewed last"),
    *_near("near_viewed", "the nearest place of a posting viewed"),
    *_near("near_last", "the place of the posting viewed last"),
    *_near("near_home", "where the candidate lives, or worked last where that is not known"),
    *_near("near_worked", "the nearest place of past work"),
    Signal("near_any", "place", "1 / (1 + km / 10) to the nearest of all these places"),
    Signal("title_near", "text place", "title_any times near_any"),
    Signal("in_reach", "place", "1 within the distance that the candidate accepts, 0 beyond"),
    Signal("remote_fit", "place", "for remote work: 1 if the candidate accepts that, 0 if not"),
    Signal("factors", "behaviour", "fold-in: cosine of the candidate's vector with the posting's factors"),
    Signal("factors_score", "behaviour", "fold-in: inner product, as ALS defines it"),
    Signal(
        "factors_new", "behaviour", "the cosine for a posting without events, whose factors are mapped from its text"
    ),
    Signal("cooccur", "behaviour", "log of 1 + 10 times the weighted co-occurrence with what was chosen last"),
    Signal("popularity", "behaviour", "log of 1 + summed and decayed event weight"),
    Signal("employer_met", "attributes", "share of the history that is with the same employer"),
    Signal("industry_met", "attributes", "share of the history that is in the same industry"),
    Signal("occupation_met", "attributes", "share of the history that is in the same occupation"),
    Signal("seniority_gap", "attributes", "minus the levels between the posting and the candidate"),
    Signal("pay_fit", "attributes", "log of the posting's highest pay over the least pay wanted, within -1 and 1"),
    Signal("skills_met", "attributes", "share of the posting's skills that the candidate has"),
    Signal("freshness", "board", "-log(1 + days since posted / 7)"),
)
NAMES: tuple[str, ...] = tuple(signal.name for signal in SIGNALS)
COLUMN: dict[str, int] = {name: at for at, name in enumerate(NAMES)}


def compute(catalogue: Catalogue, queries: Queries, interests: Interests, pool: Rows) -> Numbers:
    """The signal matrix (B, n, F) float32 of a pool (B, n); what stands at padding (-1) means nothing."""
    rows = np.maximum(pool, 0)
    requests, width = pool.shape
    # Each signal lies in one piece: it is written whole, and the ranker reads it whole.
    out = np.full((requests, len(SIGNALS), width), np.nan, np.float32).transpose(0, 2, 1)
    for family in (_titles, _texts, _places, _collaborative, _attributes, _board):
        family(catalogue, queries, interests, rows, out)
    return out


Family = Callable[[Catalogue, Queries, Interests, Rows, Numbers], None]


def _put(out: Numbers, name: str, values: NDArray[np.floating]) -> None:
    out[..., COLUMN[name]] = values


def _best(values: Numbers, known: Flags) -> Numbers:
    """Largest over the last axis of ``values`` (B, n, s) where ``known`` (B, s); NaN where nothing is known."""
    best = np.where(known[:, None], values, np.float32(-np.inf)).max(axis=-1, initial=-np.inf)
    return np.where(np.isfinite(best), best, np.float32(np.nan))


def _mean(values: Numbers, known: Flags) -> Numbers:
    count = known.sum(axis=1).astype(np.float32)[:, None]
    with np.errstate(invalid="ignore"):
        total = np.where(known[:, None], values, np.float32(0)).sum(axis=-1)
        return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))


def _titles(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows, out: Numbers) -> None:
    viewed = queries.history[:, :VIEWED]
    slots = [catalogue.title.vectors(viewed), queries.wanted, queries.past, queries.whole[:, None]]
    alike = catalogue.title.similarity(rows, _columns(np.concatenate(slots, axis=1)))
    alike[catalogue.title.scale[rows] == 0] = np.nan  # a posting without a title
    viewed_alike, wanted_alike, past_alike, whole_alike = np.split(
        alike, [VIEWED, VIEWED + WANTED, VIEWED + WANTED + PAST], axis=2
    )
    looked = (viewed >= 0) & (catalogue.title.scale[viewed] > 0)
    best = {
        "title_viewed": _best(viewed_alike, looked),
        "title_wanted": _best(wanted_alike, queries.wanted_known),
        "title_past": _best(past_alike, queries.past_known),
    }
    for name, values in best.items():
        _put(out, name, values)
    _put(out, "title_viewed_mean", _mean(viewed_alike, looked))
    _put(out, "title_last", _best(viewed_alike[..., :1], looked[:, :1]))
    _put(out, "title_wanted_mean", _mean(wanted_alike, queries.wanted_known))
    _put(out, "title_past_last", _best(past_alike[..., :1], queries.past_known[:, :1]))
    _put(out, "title_any", np.fmax(np.fmax(best["title_viewed"], best["title_wanted"]), best["title_past"]))
    _put(out, "title_profile", _best(whole_alike, queries.whole_known[:, None]))


def _columns(slots: Numbers) -> Numbers:
    """Query vectors (B, s, d) as the columns (B, d, s) of a matrix product."""
    return np.ascontiguousarray(slots.transpose(0, 2, 1))


def _texts(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows, out: Numbers) -> None:
    if catalogue.text is None:
        return
    viewed = queries.history[:, :VIEWED]
    mean = catalogue.text.vectors(viewed).sum(axis=1)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    alike = catalogue.text.similarity(rows, _columns(np.stack([queries.whole, mean], axis=1)))
    _put(out, "text_profile", _best(alike[..., :1], queries.whole_known[:, None]))
    _put(out, "text_viewed", _best(alike[..., 1:], np.any(viewed >= 0, axis=1, keepdims=True)))


def _chords(posting: Numbers, places: Numbers) -> NDArray[np.float64]:
    """Squared chords (B, n, s) from the nearest of each posting's places (B, n, L, 3) to each place (B, s, 3)."""
    return np.asarray(np.fmin.reduce([squared_chords(posting[:, :, one], places) for one in range(posting.shape[2])]))


def _nearest_km(chords: NDArray[np.float64]) -> Numbers:
    """Kilometres (B, n) to the nearest of s places, from squared chords (B, n, s)."""
    return chord_to_km(np.sqrt(np.fmin.reduce(chords, axis=2)))


def _put_near(out: Numbers, name: str, km: Numbers) -> None:
    _put(out, f"{name}_log", -np.log1p(km / 10))
    close = np.exp(km / -80)
    _put(out, f"{name}_80", close)
    _put(out, f"{name}_20", (close * close) ** 2)


def _places(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows, out: Numbers) -> None:
    viewed = queries.history[:, :VIEWED]
    looked = np.where((viewed >= 0)[..., None], catalogue.place[np.maximum(viewed, 0), 0], np.float32(np.nan))
    first_work = queries.worked[:, :1]
    home = np.where(np.isnan(queries.home[:, None]), first_work, queries.home[:, None])
    chords = _chords(np.take(catalogue.place, rows, axis=0), np.concatenate([looked, home, queries.worked], axis=1))
    nearest_viewed = _nearest_km(chords[..., :VIEWED])
    nearest_worked = _nearest_km(chords[..., VIEWED + 1 :])
    home_km = _nearest_km(chords[..., VIEWED : VIEWED + 1])
    _put_near(out, "near_viewed", nearest_viewed)
    _put_near(out, "near_last", _nearest_km(chords[..., :1]))
    _put_near(out, "near_home", home_km)
    _put_near(out, "near_worked", nearest_worked)
    near = 1 / (1 + np.fmin(np.fmin(nearest_viewed, nearest_worked), home_km) / 10)
    _put(out, "near_any", near)
    _put(out, "title_near", near * out[..., COLUMN["title_any"]])
    reach = queries.reach_km[:, None]
    _put(out, "in_reach", np.where(np.isnan(home_km) | np.isnan(reach), np.nan, home_km <= reach))
    remote, accepts = catalogue.attributes.remote[rows], queries.remote_ok[:, None]
    _put(out, "remote_fit", np.where((remote < 1) | (accepts < 0), np.nan, accepts == 1))


def _collaborative(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows, out: Numbers) -> None:
    behaviour = catalogue.behaviour
    seen = behaviour.seen[rows]
    factors = np.take(behaviour.factors.postings, rows, axis=0)
    score = np.matmul(factors, interests.factors[..., None])[..., 0]
    length = np.sqrt(np.einsum("bnf,bnf->bn", factors, factors))
    mine = np.linalg.norm(interests.factors, axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where(length > 0, score / (length * mine), np.float32(np.nan))
    nothing = np.float32(np.nan)
    _put(out, "factors", np.where(seen, cosine, nothing))
    _put(out, "factors_score", np.where(seen, score, nothing))
    _put(out, "factors_new", np.where(seen, nothing, cosine))
    _put(out, "cooccur", np.where(seen, _cooccurrence(catalogue, queries, rows), nothing))
    _put(out, "popularity", np.where(seen, behaviour.popularity[rows], nothing))


def _cooccurrence(catalogue: Catalogue, queries: Queries, rows: Rows) -> Numbers:
    """Weighted co-occurrence of each posting with the history: (B, n), NaN without a history."""
    neighbours = catalogue.behaviour.neighbours
    found, weights = neighbours.gather(queries.history[:, :VIEWED], neighbours.width)
    weight = queries.weight[:, :VIEWED]
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    total = np.zeros(rows.shape, np.float32)
    if found.size:
        request = np.arange(len(rows), dtype=np.int64)[:, None] << 32
        flat = found.reshape(len(rows), -1)
        keys = np.where(flat >= 0, request | flat, np.int64(-1)).ravel()
        keys, inverse = np.unique(keys, return_inverse=True)
        sums = np.bincount(inverse, (weights * share[..., None]).ravel(), len(keys))
        wanted = request | rows
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        total = np.where(keys[at] == wanted, sums[at], 0).astype(np.float32)
    return np.where(np.any(queries.history >= 0, axis=1, keepdims=True), np.log1p(10 * total), np.float32(np.nan))


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
    return np.where(unknown, np.float32(np.nan), met / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9))


def _attributes(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows, out: Numbers) -> None:
    a = catalogue.attributes
    _put(out, "employer_met", _share_met(a.company, queries, rows))
    _put(out, "industry_met", _share_met(a.industry, queries, rows))
    _put(out, "occupation_met", _share_met(a.occupation, queries, rows))
    _put(out, "seniority_gap", -np.abs(a.seniority[rows] - queries.seniority[:, None]))
    with np.errstate(divide="ignore", invalid="ignore"):
        pay = np.log(a.pay_high[rows] / queries.pay[:, None])
    _put(out, "pay_fit", np.clip(pay, -1, 1))
    _put(out, "skills_met", _skills_met(a.skills, queries.skills, rows))


def _skills_met(skills: Rows, mine: Rows, rows: Rows) -> Numbers:
    theirs = skills[rows]
    asked = theirs >= 0
    number = asked.sum(axis=2)
    has = (theirs[:, None] == mine[:, :, None, None]).any(axis=1)
    share = (has & asked).sum(axis=2) / np.maximum(number, 1)
    unknown = (number == 0) | ~np.any(mine >= 0, axis=1, keepdims=True)
    return np.where(unknown, np.nan, share).astype(np.float32)


def _board(catalogue: Catalogue, queries: Queries, interests: Interests, rows: Rows, out: Numbers) -> None:
    age = (queries.now[:, None] - catalogue.attributes.posted[rows]) / _DAY
    _put(out, "freshness", -np.log1p(np.maximum(age, 0) / 7))
