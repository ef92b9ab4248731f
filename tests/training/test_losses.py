"""Boards on which it is known at which stage each answer falls."""

from dataclasses import replace

import numpy as np
import pytest
from line_of_postings import EXPIRED, FAR, NEAR, NEAREST, SETTINGS, asking, board

from recsys.engine import Engine
from training.losses import CAPS, HIDDEN, LATE, LISTED, MIX, POOL, SOON, asked_length, follow


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
