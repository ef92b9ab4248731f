"""What people do with the pages they see: look, open, save, apply, dismiss.

Attention falls with the rank as rank ** -patience and in steps with the age of the posting (`ATTENTION`). A posting
that is looked at is opened if its utility plus a logistic error passes a bar, and applied to, saved or dismissed by
its utility plus a smaller error: what is read inside tells more than the card on the page.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from training.market import tables
from training.market.board import VISIT, Board, Catalogue
from training.market.config import DAY
from training.market.people import PATIENCE, PeopleFacts
from training.market.preferences import true_utility
from training.market.world import BEHAVIOUR, SHUFFLE, World

#: Days since posting up to which a level of attention holds, and the levels; the last one is for all older postings.
AGES = np.array([2.0, 7.0, 21.0])
ATTENTION = np.array([1.0, 0.8, 0.55, 0.35])
VIEW_BAR, VIEW_ERROR = -1.0, 0.5
APPLY_BAR, APPLY_ERROR = 2.3, 0.7
SAVE_BAR, DISMISS_BAR = 0.6, -2.6
SAVE_CHANCE, DISMISS_CHANCE = 0.3, 0.015
TYPES = ("impression", "view", "save", "apply", "dismiss")
IMPRESSION, VIEW, SAVE, APPLY, DISMISS = range(5)
SURFACES = ("home", "search", "email")
_HOURS = np.cumsum([1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 10, 9, 8, 8, 8, 8, 9, 10, 10, 8, 5, 3])


@dataclass(frozen=True)
class Actions:
    """E events of one piece, as arrays (E,).

    Attributes:
        person: int32, row of the piece's people.
        posting: int32, row of the catalogue.
        kind: int8, position in ``TYPES``.
        time: int64, seconds since 1970 UTC.
        rank: int16, from 1, or -1 where no page was logged.
        visit: int32, number of the page within the piece.
        surface: int8, position in ``SURFACES``.
    """

    person: NDArray[np.int32]
    posting: NDArray[np.int32]
    kind: NDArray[np.int8]
    time: NDArray[np.int64]
    rank: NDArray[np.int16]
    visit: NDArray[np.int32]
    surface: NDArray[np.int8]


def act(world: World, catalogue: Catalogue, board: Board, people: PeopleFacts, piece: int) -> Actions:
    """Everything that the people of ``piece`` (from `draw_people`) do in the window."""
    rng = world.generator(BEHAVIOUR, piece)
    person, time = _visits(world, people, rng)
    uniform = rng.random(len(person))
    email = uniform < world.config.email_share
    surface = np.where(email, 2, np.where(uniform * 2 < 1 + world.config.email_share, 0, 1)).astype(np.int8)
    pages = board.pages(person, people.city[person], people.wants.occupation[person], time, rng)
    shown_in_order = _shuffled(pages.postings, world, piece)
    visit, place = np.nonzero(shown_in_order >= 0)
    posting = shown_in_order[visit, place]
    who, when, rank = person[visit], time[visit], place + 1
    utility = true_utility(people.wants, catalogue.offers, who, posting, world.vocabulary.transition)
    chance = attention(rank, people.patience[who], (when - catalogue.posted[posting]) / DAY)
    looked = rng.random(len(visit)) < chance
    kind, extra = _decide(utility, looked, rng)
    keep = _until_settled(who, posting, extra, visit)
    kind[~keep], extra[~keep] = IMPRESSION, IMPRESSION
    opened = when + 4 * rank + rng.integers(3, 40, len(visit))
    acted = opened + rng.integers(20, 900, len(visit))
    seen_rank = np.where(email[visit], -1, rank).astype(np.int16)
    shown = ~email[visit] if world.config.impressions else np.zeros(len(visit), np.bool_)
    parts = [
        (np.flatnonzero(shown), np.full(len(visit), IMPRESSION), when),
        (np.flatnonzero(kind == VIEW), kind, opened),
        (np.flatnonzero(extra != IMPRESSION), extra, np.where(kind == VIEW, acted, opened)),
    ]
    chosen = np.concatenate([rows for rows, _, _ in parts])
    return Actions(
        person=who[chosen].astype(np.int32),
        posting=posting[chosen],
        kind=np.concatenate([kinds[rows] for rows, kinds, _ in parts]).astype(np.int8),
        time=np.concatenate([moments[rows] for rows, _, moments in parts]).astype(np.int64),
        rank=seen_rank[chosen],
        visit=visit[chosen].astype(np.int32),
        surface=surface[visit[chosen]],
    )


def _shuffled(pages: NDArray[np.int32], world: World, piece: int) -> NDArray[np.int32]:
    """Pages (S, L), -1 padded, of which the wanted share is put into an order drawn at random."""
    share = world.config.shuffled_share
    if share == 0:
        return pages
    rng = world.generator(SHUFFLE, piece)
    keys = np.where(pages >= 0, rng.random(pages.shape), 2.0)
    anew = np.take_along_axis(pages, np.argsort(keys, axis=1, kind="stable"), axis=1)
    return np.where((rng.random(len(pages)) < share)[:, None], anew, pages)


def attention(
    rank: NDArray[np.integer], patience: NDArray[np.float32], age_days: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability (n,) that a posting at ``rank`` (from 1) and of this age is looked at."""
    steps = ATTENTION[np.searchsorted(AGES, age_days)]
    return np.asarray(0.95 * rank ** -patience.astype(np.float64) * steps, np.float64)


def place_bias(rank: NDArray[np.integer]) -> NDArray[np.float64]:
    """Attention at ``rank`` (from 1, any shape) relative to the first place, as its mean over people.

    The integral of rank ** -p over a uniform p from a to b: (rank ** -a - rank ** -b) / (ln(rank) (b - a)).
    """
    least, most = PATIENCE
    log = np.log(np.maximum(rank, 2))
    mean = (np.exp(-least * log) - np.exp(-most * log)) / (log * (most - least))
    return np.where(np.asarray(rank) > 1, mean, 1.0)


def chances_inside(utility: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probability that a posting which is looked at is opened (n,), and that it is then applied to as well (n,)."""
    opened = expit((utility - VIEW_BAR) / VIEW_ERROR)
    return opened, opened * ndtr((utility - APPLY_BAR) / APPLY_ERROR)


def _visits(world: World, people: PeopleFacts, rng: np.random.Generator) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Person (S,) and moment (S,) of each visit, by person and time: a spell of some weeks, mostly in the daytime."""
    config = world.config
    # The first days have hardly any postings up, and nobody would stay on such a board.
    first = config.start_second + DAY * min(30, config.days // 4)
    last = config.end_second - DAY
    start = first + rng.random(len(people)) * (last - first)
    length = rng.exponential(25 * DAY, len(people))
    person = np.repeat(np.arange(len(people), dtype=np.int32), people.sessions)
    moment = start[person] + rng.random(len(person)) * length[person]
    day = (moment - first) % (last - first) // DAY
    hour = np.searchsorted(_HOURS / _HOURS[-1], rng.random(len(person)), side="right").clip(0, 23)
    # The last hours of a day are cut so that a visit is over before the window's end.
    second = np.minimum(hour * 3600 + rng.integers(0, 3600, len(person)), DAY - VISIT)
    time = (first + day * DAY).astype(np.int64) + second
    order = np.lexsort((time, person))
    return person[order], time[order]


def _decide(
    utility: NDArray[np.float32], looked: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """What happens to each posting: (VIEW or IMPRESSION), and (SAVE, APPLY, DISMISS or, for nothing, IMPRESSION)."""
    card = utility + rng.logistic(0, VIEW_ERROR, len(utility))
    inside = utility + rng.normal(0, APPLY_ERROR, len(utility))
    viewed = looked & (card > VIEW_BAR)
    saved = viewed & (inside > SAVE_BAR) & (rng.random(len(utility)) < SAVE_CHANCE)
    applied = viewed & (inside > APPLY_BAR)
    # Most people do not bother to dismiss what they dislike.
    dismissed = looked & (inside < DISMISS_BAR) & (rng.random(len(utility)) < DISMISS_CHANCE)
    extra = np.where(applied, APPLY, np.where(saved, SAVE, np.where(dismissed, DISMISS, IMPRESSION)))
    return np.where(viewed, VIEW, IMPRESSION).astype(np.int8), extra.astype(np.int8)


def _until_settled(
    who: NDArray[np.integer], posting: NDArray[np.integer], extra: NDArray[np.int8], visit: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Whether a person may still act on a posting: not after an earlier page where they applied to or dismissed it."""
    order = np.lexsort((visit, posting, who))
    pair = who[order].astype(np.int64) << 32 | posting[order]
    first = np.concatenate([[True], pair[1:] != pair[:-1]])[: len(pair)]
    settled = np.isin(extra[order], (APPLY, DISMISS))
    before: NDArray[np.int64] = np.cumsum(settled) - settled
    base = np.maximum.accumulate(np.where(first, before, 0))
    keep = np.empty(len(order), np.bool_)
    keep[order] = before == base
    return keep


def event_table(world: World, actions: Actions, posting_ids: pa.Array, piece: int) -> pa.Table:
    """The rows of ``events.parquet``."""
    people = tables.ids("c", piece * world.config.people_rows, world.config.people_rows)
    number = pa.array(np.arange(len(actions.person))).cast(pa.string())
    visit = pa.array(actions.visit).cast(pa.string())
    columns = {
        "candidate_id": people.take(pa.array(actions.person)),
        "posting_id": posting_ids.take(pa.array(actions.posting)),
        "type": pa.array(TYPES).take(pa.array(actions.kind)),
        "timestamp": tables.times(actions.time),
        "rank": pa.array(actions.rank, mask=actions.rank < 0),
        "event_id": tables.joined(f"e{piece}-", number),
        "request_id": tables.joined(f"r{piece}-", visit),
        "surface": pa.array(SURFACES).take(pa.array(actions.surface)),
    }
    return pa.table({name: columns[name] for name in tables.EVENTS.names})
