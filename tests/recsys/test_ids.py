import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import RequestError
from recsys.ids import Ids

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@settings(deadline=None)  # the first one imports what pyarrow loads late
@given(names=st.lists(WORDS, unique=True, max_size=20), others=st.lists(WORDS, max_size=5))
def test_rows_and_names_are_each_other_turned_round(names, others):
    ids = Ids(names, "posting")
    assert len(ids) == len(names)
    assert ids.rows(names).tolist() == list(range(len(names)))
    assert ids.names(ids.rows(names)).tolist() == names
    assert ids.rows(others).tolist() == [names.index(one) if one in names else -1 for one in others]
    assert [ids.find(one) for one in names + others] == ids.rows(names + others).tolist()


def test_row_numbers_are_int32_and_keep_repeats():
    rows = Ids(["a", "b"], "posting").rows(["b", "x", "b", "a"])
    assert rows.dtype == np.int32
    assert rows.tolist() == [1, -1, 1, 0]


def test_an_unknown_id_is_named_with_the_kind_of_thing():
    with pytest.raises(RequestError, match=r"candidate.*'nobody'"):
        Ids(["a"], "candidate").row("nobody")


def test_one_row():
    assert Ids(["a", "b"], "posting").row("b") == 1


def test_an_id_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="posting id stands twice"):
        Ids(["a", "b", "a"], "posting")


def test_digits_are_strings_and_nothing_is_trimmed():
    assert Ids(["1", "01", " 1"], "posting").rows(["01", "1", "1 ", " 1"]).tolist() == [1, 0, -1, 2]


def test_the_map_is_frozen():
    given_ids = np.array(["a", "b"], object)
    ids = Ids(given_ids, "posting")
    given_ids[1] = ids.names()[0] = "z"
    assert ids.names().tolist() == ["a", "b"]
    assert ids.rows(["a", "b", "z"]).tolist() == [0, 1, -1]


@pytest.mark.parametrize("count", [1, 2, 30])
def test_ids_of_one_hash_are_told_apart(monkeypatch, count):
    monkeypatch.setattr("recsys.ids.hash", lambda text: len(text) % 2, raising=False)
    names = [f"{n}" for n in range(count)]
    ids = Ids(names, "posting")
    assert ids.rows([*names, "x", "yy"]).tolist() == [*range(count), -1, -1]
    assert [ids.find(one) for one in [*names, "x", "yy"]] == [*range(count), -1, -1]
    with pytest.raises(ValueError, match="stands twice"):
        Ids([*names, "0"], "posting")


def test_arrow_columns_are_as_lists():
    column = pa.chunked_array([["b", "a"], [], ["c"]], pa.string())
    ids = Ids(column, "posting")
    assert ids.names().tolist() == ["b", "a", "c"]
    assert ids.rows(["c", "b", "d"]).tolist() == [2, 0, -1]
    assert len(Ids(pa.chunked_array([], pa.string()), "posting")) == 0
    assert ids.names(np.array([-1, 0])).tolist() == ["c", "b"]
    assert ids.names([]).tolist() == []


def test_names_of_rows_of_any_shape():
    ids = Ids(["a", "b", "c"], "posting")
    assert ids.names(np.array([[2, 0], [1, 1]])).tolist() == [["c", "a"], ["b", "b"]]
    assert ids.names(slice(1, None)).tolist() == ["b", "c"]
    assert ids.names().tolist() == ["a", "b", "c"]
