"""What time does to the ledger: old mails go, no alert holds up the news for ever, and none waits for ever."""

from collections import Counter
from itertools import pairwise

import pytest
from alert_board import DAY, SETTINGS, AlertBoard, KeepingPostman, sent_postings
from sqlalchemy import func, select, text, update

from serving.alerts.postman import Outcome, PostUnavailable
from serving.store import old_mails
from serving.store.connect import reading, writing
from serving.store.model import ALERT_MAILS, ALERT_POSTINGS, FINISHED_RUNS

REACH = SETTINGS.model_copy(update={"reach_days": 8})
UNUSABLE = {"filters": {"extra": {"colour": ["red"]}}}


@pytest.fixture
def board(live_market, store):
    """In both databases."""
    return AlertBoard(live_market, store)


class SayingPostman(KeepingPostman):
    """Says what it is told to, one word a mail; the last one again and again."""

    def __init__(self, box, words):
        super().__init__(box)
        self.words = words

    def carry(self, message, begin):
        word = self.words.pop(0) if len(self.words) > 1 else self.words[0]
        if word == "away":
            raise PostUnavailable("nobody is there")
        if word != "later":  # which is said to the address
            begin()
            self.box.append(message)
        return Outcome(word, f"said: {word}")


def says(board, *words):
    words = list(words)
    return lambda: SayingPostman(board.box, words)


def posting(board, number):
    """One that is open for long."""
    return board.posting(number, title="Zymurgist", valid_through=board.now + 999 * DAY)


def days(board, last, settings=REACH, every=2, **given):
    """A posting and a run every other day; what the runs say."""
    said = []
    for day in range(0, last + 1, every):
        board.write(posting(board, day))
        said.append(board.run(board.now + day * DAY, settings, **given))
    return said


def got(board, alert_id):
    mine = [message for message in board.box if message["To"].startswith(f"{alert_id}@")]
    return [one for message in mine for one in sent_postings(message)]


def test_ended_mails_go_after_a_while_and_what_they_brought_stays_known(board, monkeypatch):
    monkeypatch.setattr(old_mails, "_AT_ONCE", 2)
    for name in "abcde":
        board.alert(name, words="zymurgist", address=None if name == "e" else f"{name}@people.example")
    board.write(board.posting(1, title="Zymurgist"))
    board.run()
    assert Counter(row.state for row in board.mails().values()) == {"sent": 4, "fed": 1}
    with writing(board.store.engine) as connection:
        for state, alert in (("perhaps", "b"), ("refused", "c"), ("dropped", "d")):
            connection.execute(update(ALERT_MAILS).where(ALERT_MAILS.c.alert == alert).values(state=state))
    assert board.run(board.now + 29 * DAY)["pruned"] == 0
    assert len(board.mails()) == 5
    assert board.run(board.now + 31 * DAY)["pruned"] == 5
    assert board.mails() == {}
    with reading(board.store.engine) as connection:
        assert connection.execute(select(func.count()).select_from(ALERT_POSTINGS)).scalar() == 5
    again = board.posting(1, title="Zymurgist").document | {"posting_id": "copy", "valid_through": board.now + 90 * DAY}
    board.write(type(board.posting(1))("posting", "copy", again))
    board.run(board.now + 32 * DAY)
    assert {one: got(board, one) for one in "abcd"} == {one: ["new-1"] for one in "abcd"}


def test_a_short_run_drops_a_part_and_the_next_one_goes_on(board, monkeypatch):
    monkeypatch.setattr(old_mails, "_AT_ONCE", 2)
    for name in "abc":
        board.alert(name, words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.run()
    short = SETTINGS.model_copy(update={"minutes": 1e-9, "keep_days": 1})
    assert [board.run(board.now + 2 * DAY, short)["pruned"] for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("state", ["planned", "sending"])
def test_a_mail_that_is_under_way_is_kept_however_old_it_is(board, state):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.run(postman=says(board, "unsure", "later"))
    with writing(board.store.engine) as connection:
        connection.execute(update(ALERT_MAILS).values(state=state, unsure=int(state == "planned")))
    (message,) = board.mails()
    (one,) = board.box
    ledger = board.ledger()  # has the turn
    assert old_mails.prune_mails(board.store.engine, ledger._turn, board.now + 99 * DAY, 0.0) == 0
    ledger._turn.give_back()
    board.run(board.now + 2 * DAY)
    assert [sent["Message-ID"] for sent in board.box] == 2 * [f"<{message}>"]
    assert board.box[1].as_bytes() == one.as_bytes()
    assert board.mails()[message].state == "perhaps"


def test_old_mails_are_found_by_an_index(board):
    if board.store.engine.dialect.name != "sqlite":
        pytest.skip("of so few rows PostgreSQL reads all")
    query = old_mails._ended(9.0).compile(board.store.engine, compile_kwargs={"literal_binds": True})
    with reading(board.store.engine) as connection:
        plan = " ".join(str(row) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert "USING INDEX alert_mails_moment (at<?)" in plan
    assert "ORDER BY" not in plan


@pytest.mark.parametrize("stuck", ["unusable", "unmade", "not accepted"])
def test_an_alert_that_cannot_be_served_holds_down_nobody_and_gets_what_is_new_of_some_days(board, stuck):
    address = "a..a@people.example" if stuck == "unmade" else "a@people.example"
    wrong = UNUSABLE if stuck == "unusable" else {"address": address}
    board.alert("a", words="zymurgist", **wrong)
    if stuck == "not accepted":
        said = days(board, 30, postman=says(board, "later"))
    else:
        board.alert("b", words="zymurgist")
        said = days(board, 30)
        assert got(board, "b") == [f"new-{day}" for day in range(0, 31, 2)]
    assert all(one["finished"] for one in said)
    news = [one["new_postings"] for one in said]
    assert max(news) == news[-1] == 5  # after the run of day 20, 8 days before that of day 28
    board.alert("a", words="zymurgist")
    board.write(posting(board, 31))
    board.run(board.now + 31 * DAY, REACH)
    # new to it is what came after the run of day 22, 8 days before that of day 30
    assert sorted(got(board, "a")) == ["new-24", "new-26", "new-28", "new-30", "new-31"]
    with reading(board.store.engine) as connection:
        kept = connection.execute(select(FINISHED_RUNS.c.moment)).scalars().all()
    assert min(kept) >= board.now + 22 * DAY


@pytest.mark.parametrize("cadence", ["instant", "daily", "weekly"])
def test_nobody_loses_anything_by_days_without_a_run(board, cadence):
    board.alert("a", words="zymurgist", cadence=cadence)
    for day in (*range(15), 40, 41, 80, 90, 91, 98):
        board.write(posting(board, day))
        board.run(board.now + day * DAY, REACH)
    assert sorted(got(board, "a")) == sorted(f"new-{day}" for day in (*range(15), 40, 41, 80, 90, 91, 98))


def test_nobody_loses_anything_by_a_mail_server_that_is_away_for_long(board):
    board.alert("a", words="zymurgist")
    days(board, 10)
    away = REACH.model_copy(update={"attempts": 1})
    for day in range(12, 29, 2):
        board.write(posting(board, day))
        done = board.run(board.now + day * DAY, away, postman=says(board, "away"))
        assert (done["trouble"], done["finished"]) == ("nobody is there", False)
    board.run(board.now + 29 * DAY, REACH)
    assert sorted(got(board, "a")) == sorted(f"new-{day}" for day in range(0, 29, 2))


def test_a_clock_that_was_ahead_for_a_run_takes_nothing_from_the_next(board):
    board.alert("a", words="zymurgist")
    board.run(board.now + 999 * DAY, REACH)
    with reading(board.store.engine) as connection:
        assert connection.execute(select(func.count()).select_from(FINISHED_RUNS)).scalar() == 1
    days(board, 2)
    with reading(board.store.engine) as connection:
        moments = connection.execute(select(FINISHED_RUNS.c.moment)).scalars().all()
    assert sorted(moments) == [board.now, board.now + 2 * DAY]
    assert sorted(got(board, "a")) == ["new-0", "new-2"]


@pytest.mark.parametrize("still", ["later", "unmade"])
def test_a_mail_that_may_have_come_and_is_never_accepted_holds_its_alert_for_three_days(board, still, monkeypatch):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.run(postman=says(board, "unsure", "later"))
    ((message, row),) = board.mails().items()
    assert (row.state, row.unsure, len(board.box)) == ("planned", 1, 1)
    board.write(board.posting(2, title="Zymurgist"))

    def late(day, **given):
        with monkeypatch.context() as patch:
            if still == "unmade":

                def mail(self, mail):
                    raise ValueError("a template's slip")

                patch.setattr("serving.alerts.render.Renderer.mail", mail)
            return board.run(board.now + day * DAY, **given)

    for day in (1, 2, 2.9):
        late(day, postman=says(board, "later"))
        assert board.mails()[message].state == "planned"
        assert board.book.get("a").position < board.store.head()
    done = late(3.1, postman=says(board, "later"))
    assert done["perhaps"] == 1
    assert board.mails()[message].state == "perhaps"
    board.run(board.now + 3.2 * DAY)
    assert got(board, "a") == ["new-1", "new-2"]
    assert board.book.get("a").position == board.store.head()


def test_what_earlier_runs_left_holds_up_nobody_by_its_many_tries(board):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.run(postman=says(board, "unsure", "later"))
    with writing(board.store.engine) as connection:
        connection.execute(update(ALERT_MAILS).values(tries=30))
    done = board.run(postman=says(board, "later"))
    assert done["later"] == SETTINGS.attempts
    assert done["seconds"]["send"] < 5  # 60 by the number of all tries


def test_a_mail_that_may_have_come_waits_for_a_server_that_is_away_and_is_sent_once_more(board):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.run(postman=says(board, "unsure", "later"))
    board.run(board.now + 9 * DAY, postman=says(board, "away"))
    assert [row.state for row in board.mails().values()] == ["planned"]
    board.run(board.now + 10 * DAY)
    assert all(one.as_bytes() == other.as_bytes() for one, other in pairwise(board.box))
    assert len(board.box) == 2
    assert [row.state for row in board.mails().values()] == ["perhaps"]


def test_what_nobody_refused_for_certain_is_offered_for_ever(board):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    for day in range(9):
        board.run(board.now + day * DAY, postman=says(board, "later"))
    board.run(board.now + 9 * DAY)
    assert got(board, "a") == ["new-1"]
    assert [row.state for row in board.mails().values()] == ["sent"]


def test_a_mail_that_may_have_come_and_is_refused_then_is_not_planned_anew(board):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    done = board.run(postman=says(board, "unsure", "refused"))
    (row,) = board.mails().values()
    assert (done["perhaps"], row.state, row.reply) == (1, "perhaps", "said: refused")
    board.write(board.posting(2, title="Zymurgist"))
    board.run(board.now + DAY)
    assert [sent_postings(one) for one in board.box] == [["new-1"], ["new-1"], ["new-2"]]  # the second was refused
    assert board.box[0].as_bytes() == board.box[1].as_bytes()
