"""Candidates who bring little or nothing, and a posting that is minutes old."""

import numpy as np
import pytest
from small_catalogue import DAY, NOW, SETTINGS, make_catalogue, unit

from recsys.config import RetrieveSettings
from recsys.encode import HashEncoder
from recsys.engine import Engine
from recsys.rank import HAND_SET
from recsys.request import Interaction, Profile, Request
from serving.profile import profile_from_texts

K = 10
WHOLE = SETTINGS.model_copy(update={"retrieve": RetrieveSettings(pool=1200)})
CITIES = np.array([(41.88, -87.63), (40.71, -74.01), (34.05, -118.24), (29.76, -95.37)])
COUNT = 1000
NEWCOMER = 999


def board(text=None, **ages):
    """Postings in four cities in turn; a third has events, so that some are popular; ages from half a day to 60 days.

    As on a real board, all places of a city are one point. ``ages``: days since some postings came, "p999" and so on.
    """
    rng = np.random.default_rng(0)
    events = [(who, int(what), 1.0) for who in range(200) for what in rng.choice(COUNT // 3, 4, replace=False)]
    posted = NOW - rng.uniform(0.5, 60, COUNT) * DAY
    for name, days in ages.items():
        posted[int(name[1:])] = NOW - days * DAY
    titles = unit(rng, COUNT) if text is None else text
    latlon = CITIES[np.arange(COUNT) % 4][:, None]
    return make_catalogue(titles, text=text, latlon=latlon, events=events, posted=posted, settings=SETTINGS)


@pytest.fixture(scope="module", params=["searched", "whole"])
def engine(request) -> Engine:
    """The default pool, smaller than the board; and one that holds the board."""
    return Engine(board(), HAND_SET, SETTINGS if request.param == "searched" else WHOLE, {})


def rows_of(engine, request, k=K):
    lines = engine.recommend([request], k)[0]
    assert [line.rank for line in lines] == list(range(1, len(lines) + 1))
    return engine.catalogue.ids.rows([line.posting_id for line in lines])


def test_somebody_of_whom_nothing_is_known_gets_what_is_popular_and_new(engine):
    rows = rows_of(engine, Request(None, now=NOW))
    assert len(set(rows.tolist())) == K
    behaviour, posted = engine.catalogue.behaviour, engine.catalogue.attributes.posted
    score = 0.1 * np.where(behaviour.seen, behaviour.popularity, 0) - 0.1 * np.log1p((NOW - posted) / DAY / 7)
    if engine.settings.retrieve.pool > COUNT:
        assert rows.tolist() == np.argsort(-score, kind="stable")[:K].tolist()
    assert score[rows].mean() > np.quantile(score, 0.9)
    ages = NOW - posted
    assert behaviour.popularity[rows].mean() > behaviour.popularity.mean()
    assert ages[rows].mean() < ages.mean()


def test_a_city_alone_brings_what_is_near_the_popular_and_new_of_it_first(engine):
    for city in range(4):
        rows = rows_of(engine, Request(None, Profile(home=tuple(CITIES[city])), now=NOW))
        assert len(rows) == K
        assert (rows % 4 == city).all(), "a posting of another city stands before one of the candidate's own"
        behaviour, posted = engine.catalogue.behaviour, engine.catalogue.attributes.posted
        own = np.flatnonzero(np.arange(COUNT) % 4 == city)
        assert behaviour.popularity[rows].mean() > behaviour.popularity[own].mean()
        assert posted[rows].mean() > posted[own].mean()


@pytest.mark.parametrize("k", [50, 100])
def test_a_city_alone_fills_a_long_list_too(engine, k):
    rows = rows_of(engine, Request(None, Profile(home=tuple(CITIES[2])), now=NOW), k)
    assert len(rows) == k
    near = rows % 4 == 2
    assert near[:50].all()
    assert (np.diff(near.astype(int)) <= 0).all(), "a posting of the city stands behind one of another city"


def test_a_profile_alone_brings_what_is_like_it_and_no_more_is_needed(engine):
    wanted = engine.catalogue.title.vectors(np.array([17]))
    rows = rows_of(engine, Request(None, Profile(wanted=wanted), now=NOW))
    assert len(rows) == K
    assert rows[0] == 17


def test_a_text_alone_brings_what_it_speaks_of():
    trades = ["welder steel plant", "nurse hospital ward", "python developer backend", "truck driver long haul"]
    encoder = HashEncoder()
    text = np.asarray(encoder.encode([f"{trades[at % 4]} number {at}" for at in range(COUNT)]))
    engine = Engine(board(text=text), HAND_SET, SETTINGS, {})
    profile = profile_from_texts(encoder, text="I am a nurse and worked ten years on a hospital ward.")
    rows = rows_of(engine, Request(None, profile, now=NOW))
    assert len(rows) == K
    assert (rows % 4 == 1).all()


def test_more_than_there_is_gives_all_there_is(engine):
    rows = rows_of(engine, Request(None, now=NOW), 2000)
    assert len(rows) == len(set(rows.tolist())) == COUNT


@pytest.mark.parametrize("settings", [SETTINGS, WHOLE], ids=["searched", "whole"])
def test_a_posting_that_is_minutes_old_can_be_listed(settings):
    """It has no events, so only what it says and when it came speaks for it."""
    engine = Engine(board(p999=5 / 1440), HAND_SET, settings, {})
    home = tuple(CITIES[NEWCOMER % 4])
    assert NEWCOMER in rows_of(engine, Request(None, Profile(home=home), now=NOW), 20)
    wanted = engine.catalogue.title.vectors(np.array([NEWCOMER]))
    assert rows_of(engine, Request(None, Profile(wanted=wanted), now=NOW))[0] == NEWCOMER
    assert rows_of(engine, Request(None, Profile(wanted=wanted, home=home), now=NOW))[0] == NEWCOMER
    before = NOW - 10 * 60
    assert "not yet posted" in engine.why(Request(None, now=before), f"p{NEWCOMER:04d}")
    assert NEWCOMER not in rows_of(engine, Request(None, Profile(wanted=wanted), now=before), 400)


def test_one_view_of_a_posting_without_events_is_a_history(engine):
    """What was viewed a moment ago speaks at once, though neither the candidate nor the posting was known before."""
    viewed = 950
    assert not engine.catalogue.behaviour.seen[viewed]
    rows = rows_of(engine, Request(None, history=[Interaction(f"p{viewed:04d}", time=NOW)], now=NOW))
    assert len(rows) == K
    assert (rows % 4 == viewed % 4).mean() > 0.8


@pytest.mark.parametrize("which", ["scorer", "searching"])
def test_of_a_trained_bundle_everybody_gets_a_full_list(request, market, which):
    """The learned order, with a probability for each line, also of those who bring nothing."""
    scorer = request.getfixturevalue(which)
    nowhere = Request(None, now=scorer.as_of)
    city = Request(None, Profile(home=(40.71, -74.01)), now=scorer.as_of)
    cv = Request(None, profile_from_texts(HashEncoder(), text="registered nurse, hospital"), now=scorer.as_of)
    for one in (nowhere, city, cv):
        lines = scorer.engine.recommend([one], K)[0]
        assert len({line.posting_id for line in lines}) == K
        assert all(np.isfinite(line.score) for line in lines)
    untold = np.flatnonzero(market.prepared.candidates.histories.lengths == 0).tolist()
    names = scorer.candidates.ids.names(np.array(untold)).tolist() if untold else []
    assert all(len(lines) == K for lines in scorer.recommend_many(names, K, scorer.as_of))
