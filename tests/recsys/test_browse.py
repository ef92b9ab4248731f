import numpy as np
import pytest
from requests_at_random import random_requests
from small_catalogue import DAY, NARROW, NOW, ask, clustered, make_catalogue, make_numbering, random_linear

from recsys.browse import Category, browse, in_category
from recsys.eligible import eligible_rows
from recsys.engine import Engine
from recsys.errors import RequestError, UnknownError
from recsys.filters import Filters

COUNT = 500
RNG = np.random.default_rng(4)
INDUSTRIES, EMPLOYERS, REGIONS = ["Health Care", "Retail", "Mining"], ["Acme", "Blue Sky"], ["CA", "NY"]
BOARD = make_catalogue(
    clustered(RNG, COUNT, 12),
    latlon=np.stack([RNG.uniform(40, 44, COUNT), RNG.uniform(-3, 3, COUNT)], axis=1)[:, None],
    numbering=make_numbering(industry=INDUSTRIES, company=EMPLOYERS, region=REGIONS, occupation=["Nurse"]),
    settings=NARROW,
    industry=np.where(np.arange(COUNT) < 7, 2, RNG.integers(-1, 2, COUNT)),  # seven in mining
    company=RNG.integers(-1, 2, COUNT),
    region=RNG.integers(-1, 2, COUNT),
    posted=NOW - RNG.uniform(0, 50, COUNT) * DAY,
)
ENGINE = Engine(BOARD, random_linear(np.random.default_rng(5)), NARROW, {})
ASKED = ask(BOARD, random_requests(np.random.default_rng(0), BOARD, 8), settings=NARROW)


def test_a_list_holds_the_category_alone_and_as_many_as_there_are():
    for name, number in (("health  care", 0), ("RETAIL", 1), ("Mining", 2)):
        lists = browse(ENGINE, ASKED, Category(industry=name), 40).rows
        for at, line in enumerate(lists):
            may = eligible_rows(BOARD, ASKED, at) & (BOARD.attributes.industry == number)
            there = line[line >= 0]
            assert may[there].all()
            assert len(there) == len(set(there.tolist())) == min(40, may.sum())


def test_parts_and_filters_hold_together():
    lists = browse(
        ENGINE, ASKED, Category(employer="acme", region="ny"), 500, filters=Filters(posted_after=NOW - 9 * DAY)
    )
    a = BOARD.attributes
    wanted = (a.company == 0) & (a.region == 1) & (a.posted >= NOW - 9 * DAY)
    for at, line in enumerate(lists.rows):
        assert set(line[line >= 0].tolist()) == set(np.flatnonzero(wanted & eligible_rows(BOARD, ASKED, at)).tolist())


def test_all_of_an_employer_are_listed_though_other_lists_hold_few_of_each():
    few = NARROW.model_copy(update={"arrange": NARROW.arrange.model_copy(update={"employer_most": 2})})
    engine = Engine(BOARD, ENGINE.ranker, few, {})
    for at, line in enumerate(browse(engine, ASKED, Category(employer="acme"), 30).rows):
        may = eligible_rows(BOARD, ASKED, at) & (BOARD.attributes.company == 0)
        assert (line >= 0).sum() == min(30, may.sum()) > 2
    retail = browse(engine, ASKED, Category(industry="retail"), 30).rows
    assert ((BOARD.attributes.company[retail] == 0) & (retail >= 0)).sum(axis=1).max() == 2


def test_a_place_alone_can_be_browsed():
    near = Filters(latitude=42.0, longitude=0.0, within_km=60.0)
    whole = Engine(BOARD, ENGINE.ranker, NARROW, {}).answer(ASKED, 20, filters=near)
    np.testing.assert_array_equal(browse(ENGINE, ASKED, Category(), 20, filters=near).rows, whole.rows)


def test_a_batch_is_its_single_requests():
    lists = browse(ENGINE, ASKED, Category(industry="retail"), 12)
    for at in range(len(ASKED)):
        alone = browse(ENGINE, ASKED.part(at, at + 1), Category(industry="retail"), 12)
        np.testing.assert_array_equal(alone.rows[0], lists.rows[at])
        np.testing.assert_array_equal(alone.scores[0], lists.scores[at])


def test_the_order_is_the_candidates_and_nobodys_is_one():
    category = Category(industry="retail")
    assert len({tuple(line) for line in browse(ENGINE, ASKED, category, 20).rows.tolist()}) > 4
    assert len({tuple(line) for line in browse(ENGINE, ASKED.impersonal(), category, 20).rows.tolist()}) == 1


def test_what_is_unknown_is_named():
    with pytest.raises(UnknownError, match="has the industry 'Farming'"):
        in_category(ENGINE, Category(industry="Farming"))
    with pytest.raises(UnknownError, match="has the employer ''"):
        in_category(ENGINE, Category(employer=""))
    with pytest.raises(RequestError, match="nothing to browse"):
        in_category(ENGINE, Category())


def test_a_category_without_a_posting_that_may_be_shown_is_empty():
    gone = BOARD.without(np.arange(7))
    lists = browse(Engine(gone, ENGINE.ranker, NARROW, {}), ASKED, Category(industry="mining"), 5)
    assert (lists.rows == -1).all()
