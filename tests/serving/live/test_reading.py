"""Profiles that are read together are those that are read one by one."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from conftest import CONFIG
from live_log import ENCODER, encode_all, new_store

from recsys.bundle import open_bundle
from recsys.documents import candidate_documents
from recsys.errors import StoreUnavailable
from serving.live.lookup import Lookup
from serving.live.reading import ProfileReader, Unreadable, in_parts
from serving.live.waiting import Waiting, texts_of
from serving.store import Write
from training.sources import read_tables


@pytest.fixture(scope="module")
def documents(market):
    tables = read_tables(CONFIG.sources, market.data, market.data.parent / "rejected.parquet")[0]
    found = list(candidate_documents(tables.candidates, tables.experience))[:80]
    odd = [{"desired_titles": ["Nurse", "Nurse", "Cook"]}, {}, {"text": "Cook", "skills": ["Python"], "city": "Boston"}]
    return found[:40] + [{"candidate_id": f"odd{n}", **one} for n, one in enumerate(odd)] + found[40:]


def columns(value, prefix=""):
    for field in fields(value):
        one, name = getattr(value, field.name), f"{prefix}{field.name}"
        yield from columns(one, f"{name}.") if is_dataclass(one) else [(name, one)]


@pytest.mark.parametrize("encoded", [False, True])
def test_together_as_one_by_one(market, documents, tmp_path, encoded):
    reader = ProfileReader(open_bundle(market.bundle, verify=False))
    with new_store(tmp_path) as store:
        encode_all(store, [Write("candidate", one["candidate_id"], one) for one in documents])
        lookup = Lookup(store, ENCODER.name, ENCODER.dimension) if encoded else None
        if lookup is not None:
            assert lookup.ready(texts_of([Waiting(1, "candidate", "", one) for one in documents])) == len(documents)
        together = reader.read_each(documents, lookup)
        for document, profile in zip(documents, together, strict=True):
            alone = dict(columns(reader.read(document, lookup)))
            for name, array in columns(profile):
                np.testing.assert_array_equal(array, alone[name], err_msg=name)
                assert array.base is None or array.base.nbytes == array.nbytes, "the others stay in memory"
    assert any(len(one.vectors) for one in together) == encoded


def test_only_the_one_that_cannot_be_read_is_left_out(market, documents):
    reader = ProfileReader(open_bundle(market.bundle, verify=False))
    broken = [*documents[:7], {"experience": "secret"}, *documents[7:20], {"latitude": "secret"}]
    found = reader.read_each(broken, None)
    assert [at for at, one in enumerate(found) if isinstance(one, Unreadable)] == [7, 21]
    assert "secret" not in f"{found[7].why} {found[21].why}"


def test_halves_are_read_until_the_bad_one_is_alone():
    asked = []

    def read(some):
        asked.append(len(some))
        if 5 in some:
            raise ValueError("five")
        return sum(some)

    found = list(in_parts(read, list(range(8))))
    assert [count for count, _ in found] == [4, 1, 1, 2]
    read_, five = [one for _, one in found if isinstance(one, int)], found[2][1]
    assert read_ == [6, 4, 13]
    assert five.why.startswith("ValueError in ")
    assert "five" not in five.why
    assert list(in_parts(read, [])) == []


def test_a_store_that_fails_is_not_a_document_that_does():
    def gone(some):
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        list(in_parts(gone, [1, 2]))
