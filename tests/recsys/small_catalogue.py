"""A real catalogue from a few arrays, put together as training does it, and queries through the real intake."""

from dataclasses import fields

import numpy as np
import pandas as pd

from recsys.assemble import assemble
from recsys.catalogue import Attributes, Behaviour, Catalogue
from recsys.codebook import Codebook, Codebooks, Numbering
from recsys.codes import Codes
from recsys.collab import interaction_matrix, train_factors
from recsys.config import EngineSettings, FactorSettings, RetrieveSettings
from recsys.copies import Copies
from recsys.geo import unit_vectors
from recsys.ids import Ids
from recsys.intake import to_candidates
from recsys.neighbours import find_neighbours, neighbours_of_codes
from recsys.next_title import learn_next_title
from recsys.rank import LinearRanker
from recsys.signals import NAMES
from recsys.sketch import BINS, Sketches
from recsys.terms import Lexicon, Vocabulary
from recsys.unseen import map_text_to_factors

DIMENSION = 16
BOOKS = [field.name for field in fields(Codebooks)]
NOW = 1_700_000_000.0
DAY = 86_400.0
SETTINGS = EngineSettings(factors=FactorSettings(dimensions=8))
#: The union is smaller than the boards made here, so that the sources really choose, and the pool smaller still.
NARROW = EngineSettings(
    factors=FactorSettings(dimensions=8),
    retrieve=RetrieveSettings(pool=30, union=60, text=20, near=20, factors=10, cooccur=16, recent=6, popular=6),
)


def unit(rng, *shape):
    """Random unit vectors (..., DIMENSION or the last of ``shape``), float32."""
    vectors = rng.normal(size=shape if len(shape) > 1 else (*shape, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def clustered(rng, count, clusters, dimension=DIMENSION, spread=0.3):
    """Unit vectors around a few middles, as titles are."""
    middles = unit(rng, clusters, dimension)
    near = middles[rng.integers(clusters, size=count)] + spread * unit(rng, count, dimension)
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


def make_attributes(count, **given):
    """Attributes of which nothing is said but what is given."""
    nothing = {
        **{name: np.full(count, -1, np.int32) for name in ("company", "industry", "occupation", "region")},
        **{name: np.full(count, np.nan, np.float32) for name in ("seniority", "pay_low", "pay_high")},
        "remote": np.full(count, -1, np.int8),
        "skills": np.full((count, 1), -1, np.int32),
        "posted": np.full(count, np.nan),
        "until": np.full(count, np.nan),
        "employment": np.zeros(count, np.uint8),
        "language": np.full(count, -1, np.int32),
        **{name: np.full(count, np.nan, np.float32) for name in ("worth_low", "worth_high")},
        "permit": np.full(count, -1, np.int8),
        "extra_words": np.full((count, 0, 4), -1, np.int32),
        "extra_numbers": np.full((count, 0), np.nan, np.float32),
    }
    typed = {name: np.asarray(value, nothing[name].dtype) for name, value in given.items()}
    return Attributes(**(nothing | typed))


def make_numbering(**words):
    """Numbers of the words of each coded attribute, in the order given."""
    learned = {name: Codebook.learn(pd.Series(words.get(name, []), dtype="str"))[1] for name in BOOKS}
    return Numbering(Codebooks(**learned))


def make_behaviour(title, text, events, settings, industry, occupation):
    """Behaviour from events (candidate, posting, weight); none gives a board without any."""
    count = len(title)
    candidate, posting, weight = (np.asarray(column) for column in zip(*events, strict=True)) if events else ([],) * 3
    candidate, posting = np.asarray(candidate, np.int32), np.asarray(posting, np.int32)
    weight = np.asarray(weight, np.float32)
    matrix = interaction_matrix(candidate, posting, weight, (int(candidate.max(initial=0)) + 1, count))
    popularity = np.bincount(posting, weight, count)
    seen = popularity > 0
    kin = np.stack([np.roll(popularity, by) for by in (1, 2, 3)], axis=1).astype(np.float64)  # of any others
    kin[::7] = np.nan
    return Behaviour(
        popularity=np.log1p(popularity).astype(np.float32),
        kin=np.log1p(np.where(seen.any(), kin, np.nan)).astype(np.float32),
        seen=seen,
        factors=map_text_to_factors(train_factors(matrix, settings.factors), text, seen),
        neighbours=find_neighbours(matrix, settings.factors),
        industries=neighbours_of_codes(matrix, industry, settings.factors.neighbours),
        occupations=neighbours_of_codes(matrix, occupation, settings.factors.neighbours),
        next_title=make_next_title(title),
    )


def make_next_title(title):
    """A map that was learned from drawn choices: the title after those before it in the order of the rows."""
    before = np.resize(title, (600, title.shape[1]))
    known = np.concatenate([before, np.roll(before, 1, axis=0), np.roll(before, 2, axis=0), before], axis=1)
    return learn_next_title(known, np.roll(before, -1, axis=0), title.mean(axis=0))


def make_lexicon(titles, texts=None, skills=()):
    """The lexicon of postings with these titles and whole texts."""
    vocabulary = Vocabulary.learn(titles if texts is None else texts)
    text = None if texts is None else vocabulary.terms(texts, 32)
    return Lexicon(vocabulary, vocabulary.terms(titles, 8), text, np.array(list(skills), dtype=object))


def make_catalogue(
    title,
    *,
    text=None,
    lexicon=None,
    latlon=None,
    events=(),
    open_=None,
    group=None,
    settings=SETTINGS,
    numbering=None,
    **attributes,
):
    """A catalogue of P postings "p0000" ...

    Args:
        title, text: float (P, d).
        lexicon: of ``make_lexicon``; none: no posting has any words.
        latlon: (P, L, 2) degrees; none: no posting has a place.
        events: tuples (candidate, posting, weight).
        open_: bool (P,); none: all.
        group: int (P,), the lowest row of each posting's copies; none: no posting has copies.
        settings: of the engine.
        numbering: of ``make_numbering``; none: no word has a number.
        attributes: columns of ``Attributes``.
    """
    title = np.asarray(title, np.float32)
    count = len(title)
    latlon = np.full((count, 1, 2), np.nan, np.float32) if latlon is None else np.asarray(latlon, np.float32)
    own = make_attributes(count, **attributes)
    titles, texts = Codes.from_vectors(title), None if text is None else Codes.from_vectors(text)
    whole = title if text is None else np.asarray(text, np.float32)
    behaviour = make_behaviour(title, whole, list(events), settings, own.industry, own.occupation)
    open_ = np.ones(count, bool) if open_ is None else np.asarray(open_, bool)
    lexicon = make_lexicon([""] * count) if lexicon is None else lexicon
    group = np.arange(count, dtype=np.int32) if group is None else np.asarray(group, np.int32)
    sketches = Sketches(group.astype(np.uint64) + np.uint64(1), np.ones((count, BINS), np.uint8))
    factors, popularity = behaviour.factors.postings, behaviour.popularity
    parts = assemble(titles, texts, lexicon, latlon, own.remote, own.posted, popularity, factors, open_, settings)
    return Catalogue(
        ids=Ids([f"p{row:04d}" for row in range(count)], "posting"),
        title=titles,
        text=texts,
        lexicon=lexicon,
        place=unit_vectors(latlon),
        attributes=own,
        behaviour=behaviour,
        open=open_,
        dated=bool(np.isfinite(own.posted).mean() > 0.5),
        gone=np.zeros(count, bool),
        copies=Copies.of(sketches, group, open_, own.posted),
        numbering=numbering or make_numbering(),
        rules=settings.filters,
        **vars(parts),
    )


def ask(catalogue, requests, now=NOW, settings=SETTINGS, skills=None):
    """Queries of requests, through the intake."""
    return to_candidates(requests, catalogue, skills or {}).queries(np.arange(len(requests)), now, settings.events)


def some_words(rng, most):
    """A text of up to ``most`` words, those with a low number the commonest; sometimes none."""
    return " ".join(f"word{number}" for number in np.minimum(rng.geometric(0.05, rng.integers(0, most + 1)), 60))


def random_lexicon(rng, count, with_text):
    titles = [some_words(rng, 5) for _ in range(count)]
    texts = [f"{title} {some_words(rng, 50)}" for title in titles] if with_text else None
    return make_lexicon(titles, texts, [f"skill {number}" for number in range(12)])


def random_board(rng, count=400, with_text=True, settings=SETTINGS, dated=True):
    """A board in which every kind of evidence is there for some postings and lacking for others."""

    def sometimes(values):
        return np.where(rng.random(count) < 0.7, values, np.nan)

    latlon = np.column_stack([rng.uniform(40, 44, count), rng.uniform(-3, 3, count)])[:, None].repeat(2, axis=1)
    latlon[:, 1] += rng.normal(0, 0.5, (count, 2))
    latlon[rng.random((count, 2)) < 0.3] = np.nan
    events = [
        (who, int(what), float(rng.integers(1, 9)))
        for who in range(80)
        for what in rng.choice(count // 2, size=6, replace=False)
    ]
    return make_catalogue(
        clustered(rng, count, 12),
        text=clustered(rng, count, 12) if with_text else None,
        lexicon=random_lexicon(rng, count, with_text),
        latlon=latlon,
        events=events,
        open_=rng.random(count) < 0.95,
        settings=settings,
        company=rng.integers(-1, 9, count),
        industry=rng.integers(-1, 5, count),
        occupation=rng.integers(-1, 5, count),
        region=rng.integers(-1, 4, count),
        seniority=sometimes(rng.integers(0, 6, count)),
        pay_high=sometimes(rng.uniform(2e4, 9e4, count)),
        remote=rng.integers(-1, 2, count),
        skills=rng.integers(-1, 12, (count, 4)),
        posted=sometimes(NOW - rng.uniform(0, 60, count) * DAY) if dated else np.full(count, np.nan),
        until=sometimes(NOW + rng.uniform(1, 60, count) * DAY),
    )


def random_linear(rng, name="linear"):
    """A ranker with a weight, a centre and a value of its own for every signal, as a learned one."""
    return LinearRanker(name, *(rng.normal(size=len(NAMES)).astype(np.float32) for _ in range(3)))
