"""What each surface answered is made again from its line in the log of decisions, after the board has gone on."""

import json
from dataclasses import replace

import pytest
from asked import Asking
from in_process import InProcess

from recsys.encode import HashEncoder
from recsys.errors import DataError, RequestError
from serving.decisions import Decision, DecisionLog
from serving.live.replay import answer_again, find_decisions
from serving.store import Write

WHO = "c0000001"
#: Requests, and how many lists each writes down at least.
ASKED = {
    "list": (f"/v1/candidates/{WHO}/recommendations?k=7&remote=false", 1),
    "home": (f"/v1/candidates/{WHO}/home", 3),
    "home of nobody": (f"/v1/candidates/{WHO}/home?personal=false", 2),
    "browse": (f"/v1/browse?latitude=40.7&longitude=-74&within_km=3000&k=6&candidate={WHO}", 1),
    "browse, not personal": (f"/v1/browse?employer=EMPLOYER&k=6&candidate={WHO}&personal=false", 1),
    "related": (f"/v1/postings/POSTING/related?candidate={WHO}&k=6&explain=false", 1),
    "related, nobody": ("/v1/postings/POSTING/related?k=6", 1),
    "search": (f"/v1/search?q=warehose+night&k=8&candidate={WHO}&employment=FULL_TIME", 1),
    "search, nobody": ("/v1/search?q=nurse&k=8", 1),
}


class Written(list):
    write = list.append


@pytest.fixture(scope="module")
def answered(live_market, tmp_path_factory):
    """A service that has gone on, and what it had written down for each request."""
    whole = InProcess(tmp_path_factory.mktemp("whole"), live_market.bundle)
    written = Written()
    ask = Asking(whole.service, decisions=written)
    first = live_market.postings[0]
    late = dict(first) | {"posting_id": "late", "title": "Warehouse night shift", "company": "Late Ltd"}
    late.pop("valid_through", None)
    whole.service.state(whole.service.write([Write("posting", "late", late)]).position)
    found = {}
    for name, (url, _) in ASKED.items():
        listed = found["list"][0].postings[-1] if found else first["posting_id"]
        employer = next(one["company"] for one in live_market.postings if one["posting_id"] == listed)
        url = url.replace("POSTING", first["posting_id"]).replace("EMPLOYER", employer)
        answer = ask("GET", url)
        assert answer.status_code == 200, answer.text
        found[name] = [one for one in written if one.request_id == answer.headers["x-request-id"]]
    gone = [Write("posting_gone", posting) for one in found["list"] for posting in one.postings[:3]]
    changed = Write("candidate", WHO, {"candidate_id": WHO, "desired_titles": ["Astronaut"]})
    whole.service.state(whole.service.write([*gone, changed]).position)
    yield whole, live_market.bundle, found
    ask.close()
    whole.close()


@pytest.mark.parametrize("name", ASKED)
def test_what_was_answered_comes_out_again(answered, name):
    whole, bundle, found = answered
    decisions = [Decision.from_document(json.loads(one.line())) for one in found[name]]
    assert len(decisions) >= ASKED[name][1]
    assert any(one.postings for one in decisions)
    lists = answer_again(decisions, bundle, whole.store, HashEncoder)
    assert [[line.posting_id for line in lines] for lines in lists] == [list(one.postings) for one in decisions]


def test_whether_profile_and_history_counted_is_written_down(answered):
    _, _, found = answered
    personal = {name: {one.personal for one in some} for name, some in found.items()}
    assert personal["home"] == personal["search"] == {True}
    assert personal["home of nobody"] == personal["browse, not personal"] == {False}


def test_what_was_asked_about_is_written_down(answered, live_market):
    _, _, found = answered
    first = live_market.postings[0]
    assert found["related"][0].about == {"posting_id": first["posting_id"]}
    assert list(found["browse, not personal"][0].about) == ["employer"]
    assert found["search"][0].about == {"q": "warehose night", "by_meaning": True}
    assert found["home"][0].about == {"name": "For you"}


@pytest.mark.parametrize("name", ["home", "browse", "related", "search"])
def test_another_list_is_noticed(answered, name):
    whole, bundle, found = answered
    at = next(at for at, one in enumerate(found[name]) if len(one.postings) > 1)
    wrong = list(found[name])
    wrong[at] = replace(wrong[at], postings=wrong[at].postings[::-1])
    with pytest.raises(DataError, match=f"{name}.* is not what comes out: rank 1 was"):
        answer_again(wrong, bundle, whole.store, HashEncoder)


def test_a_search_without_the_encoder_is_made_again_without_it(answered):
    whole, bundle, found = answered
    (one,) = found["search, nobody"]
    blind = replace(one, about=one.about | {"by_meaning": False})
    with pytest.raises(DataError, match="is not what comes out"):
        answer_again([blind], bundle, whole.store, _no_encoder)


def _no_encoder():
    raise AssertionError("nothing is to be encoded")


@pytest.mark.parametrize(
    ("name", "change", "error", "words"),
    [
        ("list", {"bundle": "another"}, RequestError, "the bundle another answered"),
        ("list", {"candidate_id": None}, RequestError, "a profile that was not stored"),
        ("related", {"about": None}, DataError, "does not say what was asked of related"),
        ("browse", {"about": {"colour": "red"}}, DataError, "does not say what was asked of browse"),
        ("list", {"filters": {"colour": "red"}}, DataError, "filters that cannot be read"),
        ("browse", {"surface": "jobrec:people"}, RequestError, "cannot be made again"),
    ],
)
def test_what_cannot_be_made_again_says_why(answered, name, change, error, words):
    whole, bundle, found = answered
    with pytest.raises(error, match=words):
        answer_again([replace(found[name][0], **change)], bundle, whole.store, HashEncoder)


def test_all_shelves_of_a_page_are_found_by_its_request(answered, tmp_path):
    _, _, found = answered
    log = DecisionLog(tmp_path, 1)
    for one in [*found["list"], *found["home"]]:
        log.write(one)
    log.close()
    assert find_decisions(tmp_path, found["home"][0].request_id) == found["home"]
    with pytest.raises(DataError, match="no decision of the request 'x'"):
        find_decisions(tmp_path, "x")
