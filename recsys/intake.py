"""From requests to the arrays of a candidate snapshot."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.attributes import number_or_nan, skill_codes
from recsys.candidates import Candidates, Histories, Profiles
from recsys.catalogue import Catalogue
from recsys.codes import Codes
from recsys.errors import RequestError
from recsys.geo import unit_vectors
from recsys.ids import Ids
from recsys.mutes import Muted, Mutes
from recsys.queries import PAST, TEXTS, WANTED, WORKED
from recsys.request import Interaction, Profile, Request
from recsys.schema import EVENT_TYPES
from recsys.terms import Lexicon, Terms
from recsys.text import normalise

SKILLS = 16  #: skills of a candidate that are compared
WORDS = 64  #: words of a profile that are compared, those that say most
NAMED = 32  #: skills that are looked for in the middle of a profile


def to_candidates(requests: Sequence[Request], catalogue: Catalogue, skills: dict[str, int]) -> Candidates:
    """A snapshot that holds exactly the candidates of ``requests``, in their order.

    Raises:
        RequestError: a vector has another dimension than the catalogue's, or an event's type is unknown.
    """
    profiles = [request.profile for request in requests]
    return Candidates(
        Ids([str(at) for at in range(len(requests))], "candidate"),
        _profiles(profiles, catalogue.title.dimension, catalogue.lexicon, skills),
        _histories([request.history for request in requests], catalogue),
        _mutes(profiles, catalogue),
    )


def _mutes(profiles: Sequence[Profile], catalogue: Catalogue) -> Muted | None:
    """What is muted; None where nothing is."""
    if not any(p.muted_postings or p.muted_employers or p.muted_interests is not None for p in profiles):
        return None
    dimension = catalogue.title.dimension
    none = np.empty((0, dimension), np.float32)
    given = [none if p.muted_interests is None else as_vectors(p.muted_interests, dimension) for p in profiles]
    past = np.cumsum([len(some) for some in given]).tolist()
    rows = [range(end - len(some), end) for end, some in zip(past, given, strict=True)]
    postings, employers = [list(p.muted_postings) for p in profiles], [list(p.muted_employers) for p in profiles]
    said = Mutes.of(postings, employers, rows, Codes.from_vectors(np.concatenate(given)))
    return Muted(said, catalogue.ids, catalogue.numbering)


def as_vectors(given: NDArray[np.floating], dimension: int) -> NDArray[np.float32]:
    """Vectors (N, d) of a profile, one alone as well.

    Raises:
        RequestError: they have another dimension than the catalogue's, or hold what is not finite.
    """
    rows = np.atleast_2d(np.asarray(given, np.float32))
    if rows.ndim != 2 or rows.shape[1] != dimension:
        found = rows.shape[-1]
        raise RequestError(f"a profile's vector has {found} numbers, the bundle's encoder gives {dimension}")
    if not np.isfinite(rows).all():
        raise RequestError("a profile's vector holds numbers that are not finite; encode the text again")
    return rows


def _profiles(profiles: Sequence[Profile], dimension: int, lexicon: Lexicon, skills: dict[str, int]) -> Profiles:
    vectors: list[NDArray[np.float32]] = []

    def slots(one: NDArray[np.float32] | None, width: int) -> list[int]:
        rows = [] if one is None else list(as_vectors(one, dimension)[:width])
        vectors.extend(rows)
        taken = [len(vectors) - len(rows) + at if row.any() else -1 for at, row in enumerate(rows)]
        return taken + [-1] * (width - len(rows))

    def pointers(name: str, width: int) -> NDArray[np.int32]:
        return np.array([slots(getattr(p, name), width) for p in profiles], np.int32).reshape(len(profiles), width)

    wanted, past, whole = pointers("wanted", WANTED), pointers("past", PAST), pointers("whole", 1)[:, 0]
    worked = np.full((len(profiles), WORKED, 2), np.nan)
    for at, profile in enumerate(profiles):
        for slot, place in enumerate(list(profile.worked)[:WORKED]):
            worked[at, slot] = place
    unknown = (np.nan, np.nan)
    terms, texts, named = in_words(
        [p.wanted_titles for p in profiles],
        [p.past_titles for p in profiles],
        [p.text for p in profiles],
        [p.skills for p in profiles],
        lexicon,
    )
    home = np.array([unknown if p.home is None else p.home for p in profiles]).reshape(-1, 2)
    return Profiles(
        vectors=Codes.from_vectors(np.array(vectors, np.float32).reshape(-1, dimension)),
        wanted=wanted,
        past=past,
        whole=whole,
        home=unit_vectors(home),
        worked=unit_vectors(worked),
        reach_km=np.array([number_or_nan(p.reach_km) for p in profiles], np.float32),
        remote_ok=np.array([-1 if p.remote_ok is None else int(p.remote_ok) for p in profiles], np.int8),
        findable=np.full(len(profiles), -1, np.int8),  # who is not stored is not listed for postings
        seniority=np.array([number_or_nan(p.seniority) for p in profiles], np.float32),
        pay=np.array([number_or_nan(p.pay) for p in profiles], np.float32),
        skills=skill_codes([list(p.skills) for p in profiles], skills, SKILLS),
        terms=terms,
        texts=texts,
        named=named,
    )


def in_words(
    wanted: Sequence[Sequence[str]],
    past: Sequence[Sequence[str]],
    whole: Sequence[str],
    skills: Sequence[Sequence[str]],
    lexicon: Lexicon,
) -> tuple[Terms, NDArray[np.int32], NDArray[np.int32]]:
    """What C candidates say, as words: ``terms``, ``texts`` and ``named`` of ``Profiles``.

    Args:
        wanted: desired titles of each.
        past: titles held by each.
        whole: the whole profile or CV of each, "" where there is none.
        skills: as each writes them.
        lexicon: of the catalogue.
    """
    numbers: dict[str, int] = {}
    texts = np.full((len(whole), TEXTS), -1, np.int32)
    for row, (one, two, text) in enumerate(zip(wanted, past, whole, strict=True)):
        for first, lines in ((0, one[:WANTED]), (WANTED, two[:PAST]), (WANTED + PAST, [text])):
            for slot, line in enumerate(map(normalise, lines), first):
                texts[row, slot] = numbers.setdefault(line, len(numbers)) if line else -1
    said = [" ".join([text, *of_one]) for text, of_one in zip(whole, skills, strict=True)]
    return lexicon.vocabulary.terms(list(numbers), WORDS), texts, lexicon.skills_in(said, NAMED)


def _histories(histories: Sequence[Sequence[Interaction]], catalogue: Catalogue) -> Histories:
    unknown = {event.type for history in histories for event in history} - set(EVENT_TYPES[:-1])
    if unknown:
        raise RequestError(
            f"the event type {sorted(unknown)[0]!r} is unknown; use one of {', '.join(EVENT_TYPES[:-1])}"
        )
    ordered = [
        sorted(history, key=lambda event: -np.inf if event.time is None else event.time) for history in histories
    ]
    flat = [event for history in ordered for event in history]
    return Histories(
        start=np.concatenate([[0], np.cumsum([len(history) for history in ordered])]).astype(np.int64),
        posting=catalogue.ids.rows([event.posting_id for event in flat]),
        kind=np.array([EVENT_TYPES.index(event.type) for event in flat], np.uint8),
        time=np.array([number_or_nan(event.time) for event in flat], np.float64),
        value=np.array([number_or_nan(event.value) for event in flat], np.float32),
        # What learning reads from a log of shown lists; an answer does not depend on it.
        rank=np.full(len(flat), -1, np.int16),
        page=np.full(len(flat), -1, np.int32),
    )
