"""Boards on which it is known at which stage each answer falls."""

from dataclasses import replace

import numpy as np
import pytest
from small_catalogue import NOW, ask, make_catalogue

from recsys.config import ArrangeSettings, EngineSettings, FactorSettings, RetrieveSettings
from recsys.engine import Engine
from recsys.interests import find_interests
from recsys.rank import single
from recsys.request import Profile, Request
from training.losses import CAPS, HIDDEN, LATE, LISTED, MIX, POOL, SOON, asked_length, follow
from training.split import Block
from training.validate import Asked

NEAREST = single("near_home_log")
NEAR, FAR = 60, 140  # postings of which the pool holds the first, in the order of their distance
SETTINGS = EngineSettings(
    factors=FactorSettings(dimensions=8),
    retrieve=RetrieveSettings(pool=NEAR, text=30, near=NEAR, factors=0, cooccur=0, recent=0, popular=0),
    arrange=ArrangeSettings(employer_run=1),
)
EXPIRED = 7


def board(dated=True, **given):
    """Postings 0, 2, 4, ... km north of the candidate, then some at the other end of the earth."""
    likeness = np.repeat([[1.0], [-1.0]], [NEAR, FAR], axis=0)
    title = np.concatenate([likeness, np.zeros((NEAR + FAR, 15))], axis=1)
    north = np.column_stack([45 + np.arange(NEAR) * 2 / 111.2, np.zeros(NEAR)])
    latlon = np.concatenate([north, np.full((FAR, 2), [-30, 170])])[:, None]
    posted = np.full(NEAR + FAR, NOW - 10 * 86_400) if dated else np.full(NEAR + FAR, np.nan)
    until = np.where(np.arange(NEAR + FAR) == EXPIRED, NOW - 60, np.nan)
    return make_catalogue(title, latlon=latlon, posted=posted, until=until, settings=SETTINGS, **given)


def asking(catalogue, answers, settings=SETTINGS):
    """The same candidate asks for each of the answers."""
    wanted = np.eye(1, 16, dtype=np.float32)
    request = Request("c", Profile(wanted=wanted, home=(45.0, 0.0)), now=NOW)
    queries = ask(catalogue, [request] * len(answers), settings=settings)
    number = np.arange(len(answers), dtype=np.int32)
    moment = np.full(len(answers), NOW)
    block = Block(np.zeros(0, bool), NOW, NOW, number, number.astype(np.int64), np.array(answers, np.int32), moment)
    return Asked(block, catalogue, queries, find_interests(catalogue, queries, settings.retrieve))


@pytest.mark.parametrize(
    ("answer", "stage"),
    [(0, LISTED), (3, LISTED), (10, SOON), (20, SOON), (49, SOON), (51, LATE), (59, LATE), (60, POOL), (199, POOL),
     (EXPIRED, HIDDEN)],
)  # fmt: skip
def test_each_answer_falls_where_it_was_made_to_fall(answer, stage):
    catalogue = board(company=np.arange(NEAR + FAR))
    followed = follow(asking(catalogue, [answer]), Engine(catalogue, NEAREST, SETTINGS, {}))
    # Of the expired posting's ten nearest neighbours the tenth moves up: 10 is listed.
    assert followed.stage.tolist() == [LISTED if answer == 10 else stage]
    assert followed.lists.tolist() == [[0, 1, 2, 3, 4, 5, 6, 8, 9, 10]]


def test_caps_move_the_tenth_out_and_the_twelfth_in():
    catalogue = board(company=np.where(np.arange(NEAR + FAR) < 10, 0, np.arange(NEAR + FAR)))
    answers = [0, 4, 5, 9, 12, 14, 15]
    followed = follow(asking(catalogue, answers), Engine(catalogue, NEAREST, SETTINGS, {}))
    assert followed.lists[0].tolist() == [0, 10, 1, 11, 2, 12, 3, 13, 4, 14]
    assert followed.stage.tolist() == [LISTED, LISTED, CAPS, CAPS, LISTED, LISTED, SOON]


def test_seen_and_new_postings_share_the_ten_places():
    seen = list(range(0, NEAR, 2))
    catalogue = board(
        dated=False, company=np.arange(NEAR + FAR), events=[(who, row, 1.0) for who, row in enumerate(seen)]
    )
    engine = Engine(catalogue, NEAREST, SETTINGS, {})
    assert asked_length(engine, 10) == 20
    # Among the seen 0, 2, 4 ... the answer 8 is fifth, 10 is sixth, 18 tenth, 20 eleventh.
    followed = follow(asking(catalogue, [8, 10, 18, 20, 59]), engine)
    assert followed.stage.tolist() == [LISTED, MIX, MIX, SOON, SOON]
    assert followed.lists[0].tolist() == seen[:10]
    assert followed.lists[4].tolist() == [1, 3, 5, 9, 11, 13, 15, 17, 19, 21]  # 7 has expired


def test_many_requests_at_once_fall_as_one_at_a_time():
    catalogue = board(company=np.arange(NEAR + FAR) // 4)
    engine = Engine(catalogue, NEAREST, SETTINGS, {})
    answers = list(range(0, 100))
    together = follow(asking(catalogue, answers), engine).stage
    alone = [int(follow(asking(catalogue, [answer]), engine).stage[0]) for answer in answers[::9]]
    assert together[::9].tolist() == alone
    assert set(together.tolist()) == {LISTED, CAPS, SOON, LATE, POOL, HIDDEN}


def test_a_posting_that_was_not_open_must_not_be_shown():
    open_ = np.arange(NEAR + FAR) != 2
    catalogue = board(company=np.arange(NEAR + FAR), open_=open_)
    followed = follow(asking(catalogue, [2, 3]), Engine(catalogue, NEAREST, SETTINGS, {}))
    assert followed.stage.tolist() == [HIDDEN, LISTED]
    gone = replace(catalogue, gone=np.arange(NEAR + FAR) == 3)
    assert follow(asking(gone, [3]), Engine(gone, NEAREST, SETTINGS, {})).stage.tolist() == [HIDDEN]
