"""Search in the whole service: what is written is found by its words, with and without the encoder."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from in_process import InProcess

from recsys.errors import Behind, EncoderGone
from recsys.search import search, wording
from serving.live.pages import vectors_of
from serving.store import Write


@pytest.fixture
def whole(live_market, tmp_path):
    opened = InProcess(tmp_path, live_market.bundle)
    yield opened
    opened.close()


def ids(state, text, vectors):
    read = wording(state.engine.catalogue, text)
    (found,) = search(state.engine, state.queries(None), [read], vectors, 5, personal=False)
    return [one.posting_id for one in found.hits], found


def test_what_is_written_is_found_and_what_is_deleted_is_not(whole, live_market):
    service = whole.service
    document = live_market.postings[0] | {"posting_id": "new", "title": "Quokka keeper", "company": "Rottnest Zoo"}
    document.pop("valid_through", None)
    position = service.write([Write("posting", "new", document)]).position
    state = wait_for(service, position)
    vectors = vectors_of(state, "quokka keeper", document["date_posted"])
    assert vectors is not None
    found, answer = ids(state, "quokka keeper", vectors)
    assert found[0] == "new"
    assert [one.value for one in answer.facets["employer"]] == ["Rottnest Zoo"]
    region = next(place["region"] for place in document["locations"] if place.get("region"))
    assert [one.value for one in answer.facets["region"]] == [region]
    gone = service.write([Write("posting_gone", "new")]).position
    assert "new" not in ids(wait_for(service, gone), "quokka keeper", vectors)[0]


def wait_for(service, position):
    for _ in range(40):
        try:
            return service.state(position)
        except Behind as error:
            last = error
    raise last


def test_the_encoder_may_be_away(whole):
    def away(document):
        raise EncoderGone("the encoder is away")

    state = whole.service.state()
    lame = replace(state, read_profile=away)
    assert vectors_of(lame, "nurse", 0.0) is None
    assert ids(lame, "nurse", None)[0]
    assert vectors_of(SimpleNamespace(queries=state.queries), "nurse", 0.0).shape[0] == 1
