"""What a run sends, to whom, and when."""

from itertools import pairwise

import pytest
from alert_board import DAY, SETTINGS, AlertBoard, sent_postings

from recsys.errors import StoreError
from serving.live.pages import Viewer, home_page
from serving.store import Write
from serving.store.mails import Mail
from serving.store.turn import Turn, TurnTaken
from serving.store.writes import parsed


@pytest.fixture
def board(live_market, store):
    """In both databases."""
    return AlertBoard(live_market, store)


def to(box):
    return {message["To"]: sent_postings(message) for message in box}


def test_what_arrives_after_an_alert_is_sent_once(board):
    board.write(board.posting(0, title="Zymurgist early"))
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"), board.posting(2, title="Cook"))
    done = board.run()
    assert to(board.box) == {"a@people.example": ["new-1"]}
    assert done["finished"]
    assert done["sent"] == 1
    assert board.run().get("sent", 0) == 0
    assert board.book.get("a").position == board.store.head()


def test_a_change_or_a_return_makes_nothing_new(board):
    board.write(board.posting(0, title="Zymurgist"))
    board.alert("a", words="zymurgist")
    board.write(board.posting(0, title="Zymurgist by night"))
    board.write(Write("posting_gone", "new-0"))
    board.write(board.posting(0, title="Zymurgist again"))
    old = board.market.postings[0]
    board.write(Write("posting", old["posting_id"], old | {"title": "Zymurgist of old"}))  # the bundle had it
    board.run()
    assert board.box == []


def test_arrivals_outlive_a_pruned_log(board):
    board.write(board.posting(0, title="Zymurgist"))
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.store.prune(board.store.head() + 1)
    board.write(board.posting(0, title="Zymurgist by night"), board.posting(1, title="Zymurgist, changed"))
    with pytest.raises(StoreError, match="pruned"):
        board.run()  # the bundle is older than the log: a new one is due
    from serving.store.arrivals import arrived

    assert arrived(board.store.engine, 1, 9)[0] == ["new-1"]


def test_gone_expired_answered_and_copies_of_what_was_sent_are_left_out(board):
    who = board.market.candidates[0]["candidate_id"]
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.run()
    again = board.posting(1, title="Zymurgist").document | {"posting_id": "copy"}
    applied = {"event_id": "e", "candidate_id": who, "posting_id": "new-4", "type": "apply", "timestamp": board.now}
    board.write(
        Write("posting", "copy", again),
        board.posting(2, title="Zymurgist"),
        board.posting(3, title="Zymurgist", valid_through=board.now - 60),
        board.posting(4, title="Zymurgist"),
        board.posting(5, title="Zymurgist"),
        Write("posting_gone", "new-2"),
        Write("event", "e", applied),
    )
    board.run()
    assert [sent_postings(one) for one in board.box] == [["new-1"], ["new-5"]]


def test_what_ends_between_plan_and_sending_is_left_out(board):
    who = board.market.candidates[0]["candidate_id"]
    board.alert("a", words="zymurgist")
    board.alert("b", words="zymurgist night")
    board.write(*(board.posting(n, title=f"Zymurgist {'night' if n == 1 else ''}") for n in range(1, 5)))
    applied = {"event_id": "e", "candidate_id": who, "posting_id": "new-3", "type": "apply", "timestamp": board.now}
    late = [Write("posting_gone", "new-1"), Write("event", "e", applied), board.posting(4, valid_through=board.now - 1)]
    board.run(steps=lambda step: step == "planned" and board.store.write(late))
    assert to(board.box) == {"a@people.example": ["new-2"]}
    assert sorted(row.state for row in board.mails().values()) == ["dropped", "sent"]
    assert {board.book.get(one).position for one in "ab"} == {4}


def test_cadence(board):
    for cadence in ("instant", "daily", "weekly"):
        board.alert(cadence, words="zymurgist", cadence=cadence)
    for day in range(9):
        board.write(board.posting(day, title="Zymurgist"))
        for hour in (0, 6):
            board.run(board.now + day * DAY + hour * 3600)
    sent = [message["To"].partition("@")[0] for message in board.box]
    assert {name: sent.count(name) for name in set(sent)} == {"instant": 9, "daily": 9, "weekly": 2}
    everything = [one for message in board.box if message["To"].startswith("weekly") for one in sent_postings(message)]
    assert sorted(everything) == [f"new-{n}" for n in range(8)]


@pytest.mark.parametrize(("cadence", "days"), [("daily", 1), ("weekly", 7)])
def test_mails_keep_their_hour_where_runs_are_many(board, cadence, days):
    board.alert("a", cadence=cadence)
    ledger, looked = board.ledger(), []
    for hour in range(28 * 24):
        moment = board.now + 3600.0 * hour
        if ledger.due(moment, hour + 1, "", 9):
            ledger.plan([], ["a"], hour + 1, moment)
            looked.append(hour)
    assert len(looked) == 28 // days + 1
    assert {late - early for early, late in pairwise(looked[1:])} == {24 * days}
    assert looked[1] - looked[0] == 24 * days - 2


def test_a_mail_holds_so_many_and_the_best_first(board):
    board.alert("a", words="zymurgist")
    board.write(*(board.posting(n, like=n, title=f"Zymurgist {n}") for n in range(6)))
    board.run(settings=SETTINGS.model_copy(update={"most": 3}))
    state, who = board.state(), board.market.candidates[0]["candidate_id"]
    scores = {one.posting_id: one.score for one in state.score(who, [f"new-{n}" for n in range(6)], board.now)}
    assert sent_postings(board.box[0]) == sorted(scores, key=scores.get, reverse=True)[:3]


def test_who_names_nothing_gets_what_would_stand_high_in_the_list(board):
    board.alert("a")
    board.write(*(board.posting(n, like=n) for n in range(40)))
    board.run(settings=SETTINGS.model_copy(update={"listed": 20, "most": 100}))
    who = board.market.candidates[0]["candidate_id"]
    listed = [one.posting_id for one in board.state().recommend(who, 20, board.now)]
    new = [one for one in listed if one.startswith("new-")]
    assert 0 < len(new) < 20
    assert sorted(sent_postings(board.box[0])) == sorted(new)


def met_by(board, who):
    """Ids of the postings that a candidate of the bundle saw or answered."""
    base = board.state().people.base
    at = base.ids.row(who)
    history = base.histories.posting[base.histories.start[at] : base.histories.start[at + 1]]
    return set(board.state().engine.catalogue.ids.names(history[history >= 0]).tolist())


def test_discover_brings_what_was_neither_seen_nor_brought(board):
    who = board.market.candidates[0]["candidate_id"]
    board.alert("d", cadence="weekly", kind="discover")
    board.run()
    first = sent_postings(board.box[0])
    assert 0 < len(first) <= SETTINGS.most
    listed = [one.posting_id for one in board.state().recommend(who, 100, board.now)]
    met = met_by(board, who)
    assert met & set(listed)  # so that something had to be left out
    assert not met & set(first)
    board.run(board.now + 7 * DAY)
    assert not set(first) & set(sent_postings(board.box[1]))


def shelf_of(board, who):
    """The Discover shelf of a candidate's home page."""
    shelves = home_page(board.state(), Viewer(who, board.now, explain=False))
    return [line.posting_id for one in shelves if one.kind == "discover" for line in one.recommendations]


def test_discover_brings_the_shelf_of_the_week_before_anything_else(board):
    people = [one["candidate_id"] for one in board.market.candidates[:12]]
    for number, who in enumerate(people):
        board.alert(f"d{number}", who, "weekly", kind="discover")
    board.run(settings=SETTINGS.model_copy(update={"most": 30}))
    compared = 0
    for message in board.box:
        who = people[int(message["To"].partition("@")[0][1:])]
        shelf, mail, met = shelf_of(board, who), sent_postings(message), met_by(board, who)
        assert not met & set(mail)
        if set(shelf) - met:
            compared += 1
            assert set(shelf) - met <= set(mail)
            assert len(mail) <= board.state().engine.settings.home.length
    assert compared > len(people) / 2


def test_discover_obeys_the_filters_and_a_newcomer_gets_the_list(board):
    who = board.market.candidates[0]["candidate_id"]
    board.alert("remote", who, "weekly", kind="discover", filters={"remote": True})
    board.alert("new", "nobody", "weekly", kind="discover")
    board.run()
    mails = {message["To"].partition("@")[0]: sent_postings(message) for message in board.box}
    state = board.state()
    assert mails["new"] == [one.posting_id for one in state.recommend("nobody", SETTINGS.most, board.now)]
    catalogue = state.engine.catalogue
    assert mails["remote"]
    assert (catalogue.attributes.remote[catalogue.ids.rows(mails["remote"])] == 1).all()


def test_an_alert_without_an_address_is_for_the_feed_alone(board):
    board.alert("a", words="zymurgist", address=None)
    board.write(board.posting(1, title="Zymurgist"))
    assert board.run()["fed"] == 1
    assert board.box == []
    assert [line["posting_id"] for line in board.book.brought("a", 9)[0].content["lines"]] == ["new-1"]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"extra": {"colour": ["red"]}}, "colour"),
        ({"of_an_older_version": 3}, "no such name"),
        ({"remote": 7}, "bool"),
    ],
)
@pytest.mark.parametrize("kind", ["matches", "discover"])
def test_no_filters_hold_up_anybody(board, kind, filters, said):
    board.alert("a", kind=kind, cadence="weekly", filters=filters)
    board.alert("b", words="zymurgist")
    board.alert("c", kind="discover", cadence="weekly")
    board.write(board.posting(1, title="Zymurgist"))
    done = board.run()
    assert said in done["unusable"]["a"]
    assert done["finished"]
    assert set(to(board.box)) == {"b@people.example", "c@people.example"}
    assert (board.book.get("a").position, board.book.get("a").served) == (0, 0)


def test_filters_that_the_board_does_not_know_are_told_and_hold_up_nobody(board):
    board.alert("a", filters={"extra": {"colour": ["red"]}})
    board.alert("b", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    done = board.run()
    assert "colour" in done["unusable"]["a"]
    assert list(to(board.box)) == ["b@people.example"]
    assert board.book.get("a").position == 0


def test_two_runs_exclude_each_other_until_the_lease_ends(board):
    other = Turn(board.store.engine, 0.3)
    other.take()
    with pytest.raises(TurnTaken, match="at work"):
        board.run()
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    import time

    time.sleep(0.4)
    assert board.run()["sent"] == 1
    with pytest.raises(TurnTaken, match="taken over"):
        other.renew()


def test_a_run_that_was_overtaken_sends_nothing_more(board):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    other = Turn(board.store.engine, 60)

    def overtaken(step):
        if step == "begin":
            from sqlalchemy import update

            from serving.store.connect import writing
            from serving.store.model import ALERT_RUN

            with writing(board.store.engine) as connection:
                connection.execute(update(ALERT_RUN).values(until=0.0))
            other.take()

    with pytest.raises(TurnTaken, match="taken over"):
        board.run(steps=overtaken)
    assert board.box == []


def test_an_alert_taken_away_or_stopped_while_its_mail_waits_gets_none(board):
    for one in ("a", "b", "c"):
        board.alert(one, words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))

    def steps(step):
        if step == "planned":
            board.book.delete("a")
            board.book.stop("b", "unsubscribed")

    board.run(steps=steps)
    assert list(to(board.box)) == ["c@people.example"]
    assert {row.alert for row in board.mails().values()} == {"c"}


def test_no_mail_goes_to_an_address_that_was_corrected_while_it_waited(board):
    board.alert("a", words="zymurgist", address="wrong@people.example")
    board.write(board.posting(1, title="Zymurgist"))
    board.run(steps=lambda step: step == "planned" and board.alert("a", words="zymurgist"))
    assert board.box == []
    board.run()
    assert to(board.box) == {"a@people.example": ["new-1"]}


def test_an_alert_made_again_for_somebody_else_gets_nothing_of_the_old_one(board):
    board.alert("a", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    ledger = board.ledger()
    (old,) = ledger.due(board.now, board.store.head(), "", 9)
    content = {"to": old.document["address"], "created": old.created, "lines": [{"posting_id": "new-1"}]}
    board.book.delete("a")
    board.alert("a", "somebody else", words="zymurgist")
    assert ledger.plan([Mail("m@x", "a", content, board.store.head(), board.now)], [], board.store.head(), 0.0) == []
    assert board.mails() == {}


def test_what_is_muted_between_plan_and_sending_is_left_out(board):
    who = board.market.candidates[0]["candidate_id"]
    board.alert("a", words="zymurgist")
    board.write(*(board.posting(n, title="Zymurgist") for n in range(1, 4)))
    muted = {"muted_postings": ["new-1"], "muted_employers": ["  EMPLOYER  2 "]}
    late = [Write("mutes", who, {"candidate_id": who, "add": muted})]
    board.run(steps=lambda step: step == "planned" and board.store.write(late))
    assert to(board.box) == {"a@people.example": ["new-3"]}


def test_a_mail_that_cannot_be_made_holds_up_nobody(board):
    board.alert("a", words="zymurgist", address="a..a@people.example")  # of a store that an older version wrote
    board.alert("b", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    done = board.run()
    assert list(to(board.box)) == ["b@people.example"]
    assert done["finished"]
    assert list(done["unmade"]) == ["a"]
    assert (board.book.get("a").active, board.book.get("a").position) == (True, 0)
    board.alert("a", words="zymurgist")  # with a better address
    board.run()
    assert sorted(to(board.box)) == ["a@people.example", "b@people.example"]


def test_a_deleted_candidate_takes_alerts_and_ledger_along(board):
    who = board.market.candidates[0]["candidate_id"]
    board.alert("a", words="zymurgist")
    board.alert("b", "somebody without a profile", words="zymurgist")
    board.write(board.posting(1, title="Zymurgist"))
    board.run()
    assert len(board.mails()) == 2
    board.store.write([Write("candidate_gone", who, shown_at=0)])
    assert board.book.of(who) == []
    assert {row.alert for row in board.mails().values()} == {"b"}
    assert board.store.write([Write("candidate_gone", "somebody without a profile")]).outcomes == ("missing",)
    assert board.mails() == {}


def test_a_reason_says_by_what_an_alert_chose(board, monkeypatch):
    from recsys.explain import Reasons

    monkeypatch.setattr(Reasons, "words", lambda self, at: [()] * self.keys.shape[1])  # the engine gives none
    board.alert("a")
    board.alert("b", words="zymurgist")
    board.alert("c", filters={"remote": True})
    board.alert("d", cadence="weekly", kind="discover")
    board.write(*(board.posting(n, like=n, title="Zymurgist", remote=True) for n in range(40)))
    board.run()
    said = {
        row.alert: {why for line in parsed(row.content)["lines"] for why in line["reasons"]}
        for row in board.mails().values()
    }
    assert said == {
        "a": {"new, and high on your list"},
        "b": {"new, and as your alert asks"},
        "c": {"new, and as your alert asks"},
        "d": {"high among what you have not seen"},
    }
