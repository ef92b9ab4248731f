"""The source by words: what shares the words of the profile and of the history, near, around and anywhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.catalogue import Catalogue
from recsys.config import RetrieveSettings
from recsys.nearby import cell_counts
from recsys.queries import Queries
from recsys.wordlists import IMPACT, WordLists

Rows = NDArray[np.int32]
Whole = NDArray[np.int64]
Numbers = NDArray[np.float64]

_AT_ONCE = 8  # requests whose lists are read together
_ZONES = 3  # the close circle, all that is around it, anywhere
_WEEK = 7 * 86_400.0
_FRESH = 0.1 / 1.5  # what freshness weighs against words in the hand-set order
_STEPS = 4  # levels of a score between two of impact
_OLDEST = 0.5  # what the freshness of 35 years takes away
_LEVELS = int((2 + _OLDEST) * IMPACT * _STEPS) + 1  # a request asks for two texts of length 1


def by_words(catalogue: Catalogue, queries: Queries, around: Rows, settings: RetrieveSettings, scale: int) -> Rows:
    """Postings that share most with the words of the candidate's profile and history, fresh ones before old ones.

    The order is the sum of two cosines and a part of the freshness, in the proportion of the hand-set order.

    Args:
        catalogue: the postings.
        queries: B requests.
        around: int32 (B, A, m), see ``recsys.nearby.cells_around``.
        settings: see there.
        scale: by which the quota and the close circle grow.

    Returns:
        int32 (B, 2 * quota), -1 where fewer; a posting may stand several times. The quota of the close circle, and of
        what is around it and of what is anywhere half of it each, taken in turn. Where no place of the candidate is
        known, the whole board is the close circle.
    """
    quota = settings.words * scale
    found = np.full((len(queries), 2 * quota), -1, np.int32)
    lists = catalogue.words
    if quota == 0 or len(lists.rows) == 0 or lists.words == 0:
        return found
    codes, weights = asked_words(catalogue, queries, settings.query_words)
    posted = catalogue.attributes.posted
    left = None if catalogue.within is None else catalogue.within.named
    placed = (around[:, :, 0] >= 0).any(axis=1)
    zones = _zones(catalogue, around, settings, scale)
    blocks = _blocks(lists, around, settings.word_blocks)
    found[placed] = _search(
        lists, codes[placed], weights[placed], blocks[placed], zones[placed], posted, queries.now[placed], quota, left
    )
    few = settings.words_everywhere
    everywhere = np.broadcast_to(np.arange(len(lists.first) - 1, dtype=np.int32), (len(queries), len(lists.first) - 1))
    lost = ~placed
    found[lost] = _search(
        lists,
        codes[lost, :few],
        weights[lost, :few],
        everywhere[lost],
        zones[lost],
        posted,
        queries.now[lost],
        quota,
        left,
    )
    return found


def _search(
    lists: WordLists,
    codes: Rows,
    weights: Numbers,
    blocks: Rows,
    zones: NDArray[np.uint8],
    posted: Numbers,
    now: Numbers,
    quota: int,
    left: NDArray[np.bool_] | None,
) -> Rows:
    """The first of each zone among the places of ``blocks`` (B, m), by the words (B, W): (B, 2 * quota)."""
    found = np.empty((len(codes), 2 * quota), np.int32)
    for at in range(0, len(codes), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        scored = _scored(lists, codes[part], weights[part], blocks[part], zones[part], posted, now[part], left)
        found[part] = _best(scored, len(codes[part]), quota)
    return found


def asked_words(catalogue: Catalogue, queries: Queries, most: int) -> tuple[Rows, Numbers]:
    """The heaviest words of profile and history, each brought to length 1: codes (B, most), 0 padded, and weights."""
    lexicon = catalogue.lexicon
    terms = lexicon.title if lexicon.text is None else lexicon.text
    codes, weights = terms.at(queries.history)
    weights *= queries.weight[..., None]
    requests, size = len(queries), len(lexicon.vocabulary) + 1
    whole = queries.word_weights[:, -1:]
    stated = np.where(whole.any(axis=2, keepdims=True), 0, queries.word_weights[:, :-1])  # titles, where no profile is
    profile = _unit(queries.words, np.concatenate([stated, whole], axis=1), size)
    total = profile + _unit(codes, weights, size)
    owner, code = np.nonzero(total)
    weight = total[owner, code]
    order = np.lexsort((code, -weight, owner))
    owner, code, weight = owner[order], code[order], weight[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = place < most
    out, heavy = np.zeros((requests, most), np.int32), np.zeros((requests, most))
    out[owner[kept], place[kept]], heavy[owner[kept], place[kept]] = code[kept], weight[kept]
    return out, heavy


def _unit(codes: NDArray[np.uint16], weights: NDArray[np.float32], size: int) -> Numbers:
    """Words (B, s, T) of each request added up and brought to length 1: (B, size)."""
    requests = len(codes)
    at = codes.reshape(requests, -1) + np.arange(requests)[:, None] * size
    table = np.bincount(at.ravel(), weights.ravel(), requests * size).reshape(requests, size)
    table[:, 0] = 0
    length = np.sqrt(np.einsum("bv,bv->b", table, table))[:, None]
    scaled: Numbers = np.divide(table, length, out=np.zeros_like(table), where=length > 0)
    return scaled


def _zones(catalogue: Catalogue, around: Rows, settings: RetrieveSettings, scale: int) -> NDArray[np.uint8]:
    """The zone of every cell for each request, uint8 (B, G + 1): 0 close, 1 around, 2 anywhere."""
    counts = cell_counts(catalogue)[around]
    before = np.cumsum(counts, axis=2) - counts
    known = np.maximum((around[:, :, 0] >= 0).sum(axis=1), 1)[:, None, None]
    close = (around >= 0) & (before < settings.word_postings * scale / known)
    zones = np.ones((len(around), len(catalogue.grid.counts) + 2), np.uint8)
    zones[np.arange(len(around))[:, None, None], np.where(close, around, -1)] = 0  # the last column is for nothing
    zones[(around[:, :, 0] < 0).all(axis=1)] = 0
    zones[:, -2] = 2
    return np.ascontiguousarray(zones[:, :-1])


def _blocks(lists: WordLists, around: Rows, most: int) -> Rows:
    """The first ``most`` blocks around, the nearest cell first and the places in turn, then "anywhere": (B, most + 1).

    -1 where fewer.
    """
    cells = around.transpose(0, 2, 1).reshape(len(around), -1)
    block = np.where(cells >= 0, lists.block[np.maximum(cells, 0)], np.int32(-1))
    order = np.argsort(block, axis=1, kind="stable")
    ascending = np.take_along_axis(block, order, 1)
    new = (ascending >= 0) & np.diff(ascending, axis=1, prepend=-1).astype(bool)
    when = np.where(new, order, cells.shape[1])
    turn = np.argsort(when, axis=1, kind="stable")[:, :most]
    nearest = np.where(np.take_along_axis(new, turn, 1), np.take_along_axis(ascending, turn, 1), np.int32(-1))
    room = np.full((len(cells), max(0, most - cells.shape[1])), -1, np.int32)
    return np.concatenate([nearest, room, np.full((len(cells), 1), lists.block[-1], np.int32)], axis=1)


@dataclass(frozen=True)
class _Scored:
    """Places that share a word with the request that asks: its number and zone, the level of its score, the row."""

    segment: Whole
    level: Whole
    row: Rows


def _scored(
    lists: WordLists,
    codes: Rows,
    weights: Numbers,
    blocks: Rows,
    zones: NDArray[np.uint8],
    posted: Numbers,
    now: Numbers,
    left: NDArray[np.bool_] | None,
) -> _Scored:
    """Every place of the ``blocks`` (B, m), by the words (B, W) that it shares and its age.

    Only of postings that are ``left``, where that is given.
    """
    size = np.where(blocks >= 0, np.diff(lists.first)[blocks], 0).ravel()
    base = np.cumsum(size) - size
    key = blocks[..., None].astype(np.int64) * lists.words + codes[:, None] - 1
    asked = (blocks[..., None] >= 0) & (codes[:, None] > 0)
    begin = np.where(asked, lists.start[np.where(asked, key, 0)], 0)
    length = np.where(asked, lists.start[np.where(asked, key, 0) + 1] - begin, 0)
    used = np.flatnonzero(length.ravel())
    length, begin = length.ravel()[used], begin.ravel()[used]
    entry = np.arange(length.sum()) + np.repeat(begin - (np.cumsum(length) - length), length)
    weight = np.repeat(np.broadcast_to(weights[:, None], asked.shape).ravel()[used], length)
    at = lists.place[entry] + np.repeat(np.repeat(base, asked.shape[2])[used], length)
    total = np.bincount(at, weight * lists.impact[entry], int(size.sum()))
    hit = np.flatnonzero(total)
    pair = np.searchsorted(base + size, hit, side="right")
    place = hit - base[pair] + lists.first[blocks.ravel()[pair]]
    request = pair // blocks.shape[1]
    row = lists.rows[place]
    if left is not None:
        hit, request, place, row = (part[left[row]] for part in (hit, request, place, row))
    zone = zones[request, lists.cell[place]]
    with_age = total[hit] + IMPACT * (_OLDEST + _FRESH * freshness(posted[row], now[request]))
    level = np.clip(np.rint(with_age * _STEPS), 0, _LEVELS - 1).astype(np.int64)
    return _Scored(request * _ZONES + zone, level, row)


def freshness(posted: Numbers, now: Numbers) -> Numbers:
    """-log(1 + days since posted / 7), as the signal of this name; 0 where the day is not known."""
    weeks = np.nan_to_num(np.maximum(now - posted, 0) / _WEEK)
    return np.asarray(-np.log1p(weeks))


def _best(scored: _Scored, requests: int, quota: int) -> Rows:
    """The first of each zone, by level and then by row, the zones in turn: (B, 2 * quota), -1 padded."""
    quotas = np.tile([quota, quota - quota // 2, quota // 2], requests)
    table = np.bincount(scored.segment * _LEVELS + scored.level, minlength=len(quotas) * _LEVELS)
    reached = np.cumsum(table.reshape(-1, _LEVELS)[:, ::-1], axis=1)  # places at a level or above, the highest first
    least = _LEVELS - 1 - np.minimum((reached < quotas[:, None]).sum(axis=1), _LEVELS - 1)
    kept = np.flatnonzero(scored.level >= np.take(least, scored.segment))
    segment, level, row = scored.segment[kept], scored.level[kept], scored.row[kept]
    order = np.lexsort((row, -level, segment))
    segment, row = segment[order], row[order]
    place = np.arange(len(segment)) - np.searchsorted(segment, segment)
    first = place < quotas[segment]
    segment, row, place = segment[first], row[first], place[first]
    # in turn: the close circle has every second place, the other two every fourth, so that a list cut short keeps all
    column = np.where(segment % _ZONES == 0, 2 * place, 4 * place + 2 * (segment % _ZONES) - 1)
    found = np.full((requests, 2 * quota + 3), -1, np.int32)
    found[segment // _ZONES, column] = row
    return found[:, : 2 * quota]
