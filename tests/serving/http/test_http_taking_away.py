"""What only the bundle knows is taken away for good, once, and by every worker."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from asked import Asking
from in_process import InProcess
from live_log import OneBundle, follow

from serving.board import Board
from serving.live.service import LiveSettings, Service
from serving.store import Store, Write
from serving.store.tables import tables_at


@pytest.fixture
def place(tmp_path, live_market):
    opened = []

    def open_again():
        while opened:
            opened.pop().close()
        opened.append(InProcess(tmp_path, live_market.bundle))
        return opened[0]

    yield open_again
    opened.pop().close()


@pytest.fixture
def asking():
    made = []

    def ask(service):
        made.append(Asking(service))
        return made[-1]

    yield ask
    for one in made:
        one.close()


def listed(ask, who, after=0):
    answer = ask("GET", f"/v1/candidates/{who}/recommendations?k=100&min_position={after}")
    return [one["posting_id"] for one in answer.json()["recommendations"]]


def test_a_posting_of_the_bundle_is_gone_for_good(place, asking, live_market):
    whole, who = place(), live_market.candidates[0]["candidate_id"]
    ask = asking(whole.service)
    first, second = listed(ask, who)[:2]
    assert ask("GET", f"/v1/postings/{first}").status_code == 404  # listed, but its document is not here
    answer = ask("DELETE", f"/v1/postings/{first}")
    assert answer.json()["outcome"] == "stored"
    assert ask("GET", f"/v1/postings/{first}").status_code == 404
    left = listed(ask, who)
    assert left[0] == second
    assert first not in left
    head = whole.store.head()
    assert answer.json()["position"] == head
    assert ask("DELETE", f"/v1/postings/{first}").status_code == 404
    assert whole.store.head() == head
    whole = place()  # another process, later
    ask = asking(whole.service)
    later = listed(ask, who)
    assert later[0] == second
    assert first not in later
    assert ask("DELETE", f"/v1/postings/{first}").status_code == 404
    back = next(one for one in live_market.postings if one["posting_id"] == first)
    position = ask("PUT", f"/v1/postings/{first}", json=back).json()["position"]
    assert first in listed(ask, who, position)
    assert ask("DELETE", f"/v1/postings/{first}").status_code == 200
    assert first not in listed(ask, who)


def test_a_candidate_of_the_bundle_is_forgotten(place, asking, live_market):
    whole, who = place(), live_market.candidates[0]["candidate_id"]
    ask = asking(whole.service)
    path = f"/v1/candidates/{who}"
    assert ask("GET", f"{path}/recommendations").json()["known"]
    assert ask("DELETE", path).status_code == 200
    assert not ask("GET", f"{path}/recommendations").json()["known"]
    assert ask("DELETE", path).status_code == 404
    ask = asking(place().service)
    assert not ask("GET", f"{path}/recommendations").json()["known"]
    assert ask("GET", path).status_code == 404
    assert ask("DELETE", "/v1/candidates/never-seen").status_code == 404
    assert ask("DELETE", "/v1/postings/never-seen").status_code == 404


def test_workers_agree_and_log_it_once(place, live_market, tmp_path):
    """The other worker has not read the first deletion when it is asked for the same."""
    whole, gone = place(), Write("posting_gone", live_market.postings[3]["posting_id"])
    other_store = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    board = Board(tmp_path / "of-another-host", other_store.identity())
    other = Service(
        other_store, board, OneBundle(lambda: follow(live_market.bundle, other_store)), LiveSettings(poll_seconds=60)
    )
    try:
        assert whole.service.write([gone]).outcomes == ("stored",)
        assert other.state().shows(gone.key)
        assert other.write([gone]).outcomes == ("missing",)
        assert not other.state().shows(gone.key)  # as it obeys all up to the answer's position
        keys = [one["posting_id"] for one in live_market.postings[4:24]]
        with ThreadPoolExecutor(8) as threads:
            each = [
                threads.submit(one.write, [Write("posting_gone", key)])
                for key in keys
                for one in (whole.service, other)
            ]
        assert sorted(one.result().outcomes[0] for one in each) == ["missing"] * 20 + ["stored"] * 20
    finally:
        other.close()
        board.close()
        other_store.close()
    named = [one.key for one in whole.store.changes(0, 1000) if one.kind == "posting_gone"]
    assert sorted(named) == sorted([gone.key, *keys])


def test_training_from_the_store_does_not_mind(place, live_market):
    whole = place()
    first, second, third = live_market.postings[:3]
    service = whole.service
    service.write([Write("posting", second["posting_id"], second), Write("posting", third["posting_id"], third)])
    service.write([Write("posting_gone", first["posting_id"]), Write("posting_gone", second["posting_id"])])
    then = whole.store.head()
    service.write([Write("posting", first["posting_id"], first)])
    assert tables_at(whole.store, then)[0].postings["posting_id"].tolist() == [third["posting_id"]]
    now = sorted([first["posting_id"], third["posting_id"]])
    assert tables_at(whole.store)[0].postings["posting_id"].tolist() == now
