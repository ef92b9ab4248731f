"""A bundle on disk: what was written is what is read, and a damaged one is named and refused."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recsys.bundle import flatten, open_bundle, write_bundle
from recsys.cut import quick_part
from recsys.engine import Engine
from recsys.errors import BundleError
from recsys.index import VectorIndex
from recsys.manifest import MANIFEST, SCHEMA, read_manifest

COLUMNS = ["posting_id", "title", "company", "region", "url"]


@pytest.fixture
def copy(market, tmp_path) -> Path:
    return Path(shutil.copytree(market.bundle, tmp_path / "bundle"))


@pytest.fixture
def write(market, whole_in_memory) -> Callable[..., None]:
    """Writes the market's engine to a folder, with some arguments changed."""

    def run(out: Path, **changed: object) -> None:
        arguments = {
            "catalogue": whole_in_memory.catalogue,
            "ranker": whole_in_memory.ranker,
            "settings": whole_in_memory.settings,
            "skills": whole_in_memory.skills,
            "postings": market.prepared.postings[COLUMNS],
            "facts": {"as_of": market.as_of},
            "books": market.prepared.books,
            "cut": whole_in_memory.cut,
        }
        write_bundle(out, **(arguments | changed))

    return run


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_one_byte(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def change(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def names_it(bundle: Path, name: str) -> str:
    """What is wrong with how a damaged file is reported; "" if nothing is."""
    try:
        open_bundle(bundle)
    except BundleError as error:
        return "" if name in str(error) and "\n" not in str(error) else f"{name}: {error}"
    except Exception as error:
        return f"{name}: {type(error).__name__}: {error}"
    return f"{name}: not noticed"


@pytest.mark.parametrize("damage", [cut, cut_one_byte, change, empty, Path.unlink])
def test_every_damaged_file_is_named(copy, damage):
    names = [*read_manifest(copy)["files"], MANIFEST]
    assert len(names) > 50
    assert sorted(contents(copy)) == sorted(names)
    wrong = []
    for name in names:
        whole = (copy / name).read_bytes()
        if len(whole) > 1:  # one that holds nothing cannot be cut
            damage(copy / name)
            wrong.append(names_it(copy, name))
        (copy / name).write_bytes(whole)
    assert [line for line in wrong if line] == []
    open_bundle(copy)


def test_any_byte_of_the_manifest_is_checked(copy):
    file = copy / MANIFEST
    whole = file.read_bytes()
    wrong = []
    for at in np.random.default_rng(0).choice(len(whole), 150, replace=False):
        changed = bytearray(whole)
        changed[at] ^= 1
        file.write_bytes(changed)
        wrong.append(names_it(copy, MANIFEST))
    assert [line for line in wrong if line] == []


def test_without_verification_a_cut_file_is_still_named(copy):
    cut(copy / "arrays" / "place.npy")
    with pytest.raises(BundleError, match=r"arrays/place\.npy is damaged: \d+ bytes, the manifest says \d+"):
        open_bundle(copy, verify=False)


def test_an_index_that_faiss_cannot_read_is_named_even_unverified(copy):
    size = (copy / "by_text.faiss").stat().st_size
    (copy / "by_text.faiss").write_bytes(b"\xff" * size)
    with pytest.raises(BundleError, match=r"by_text\.faiss"):
        open_bundle(copy, verify=False)


@pytest.mark.parametrize(("schema", "advice"), [(SCHEMA + 1, "upgrade jobrec"), (SCHEMA - 1, "train again")])
def test_another_schema_says_what_to_do(copy, schema, advice):
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(manifest | {"schema": schema}))
    with pytest.raises(BundleError, match=f"schema version {schema}.* reads {SCHEMA}; {advice}"):
        open_bundle(copy)


def test_a_folder_or_a_file_that_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "file").write_text("nothing")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(BundleError, match="is not a bundle"):
            Engine.load(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"schema": 1, "files": []}', '{"schema": 1, "files": {}}'])
def test_a_manifest_of_another_make_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=MANIFEST):
        open_bundle(tmp_path)


def test_what_is_read_equals_what_was_written(market, whole_in_memory):
    bundle = open_bundle(market.bundle)
    written, read = flatten(whole_in_memory.catalogue), flatten(bundle.catalogue)
    assert set(written) == set(read)
    for name, array in written.items():
        assert read[name].dtype == array.dtype, name
        np.testing.assert_array_equal(read[name], array, err_msg=name)
    for name in ("by_text", "by_cell", "by_factor"):
        ours: VectorIndex = getattr(bundle.catalogue, name)
        np.testing.assert_array_equal(ours.rows, getattr(whole_in_memory.catalogue, name).rows)
        np.testing.assert_array_equal(ours.serialised(), getattr(whole_in_memory.catalogue, name).serialised())
    assert bundle.settings == whole_in_memory.settings
    assert bundle.skills == whole_in_memory.skills
    assert bundle.ranker.name == whole_in_memory.ranker.name
    assert bundle.ranker.to_document() == whole_in_memory.ranker.to_document()
    for part in ("weights", "centre", "missing"):
        np.testing.assert_array_equal(getattr(bundle.cut, part), getattr(whole_in_memory.cut, part))
    postings = market.prepared.postings
    assert bundle.titles.take([0, 5, 3]) == postings["title"].iloc[[0, 5, 3]].tolist()
    assert bundle.companies.take(range(20)) == postings["company"].fillna("").iloc[:20].tolist()


def test_without_a_learned_cut_the_rankers_own_quick_part_cuts(write, whole_in_memory, tmp_path):
    write(tmp_path / "bundle", cut=None)
    expected = quick_part(whole_in_memory.ranker)
    np.testing.assert_array_equal(open_bundle(tmp_path / "bundle").cut.weights, expected.weights)
    assert Engine.load(tmp_path / "bundle").cut.weights.any()


def test_arrays_are_mapped_and_cannot_be_written(market):
    codes = open_bundle(market.bundle).catalogue.title.codes
    assert isinstance(codes.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        codes[0, 0] = 1


def test_the_same_contents_have_the_same_name(write, whole_in_memory, tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "two")
    fewer = whole_in_memory.catalogue.without(np.array([3], np.int32))
    write(tmp_path / "other", catalogue=fewer)
    one, two, other = (read_manifest(tmp_path / name)["name"] for name in ("one", "two", "other"))
    assert one == two != other
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_what_is_no_bundle_is_not_overwritten(write, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    (tmp_path / "file").write_text("dear")
    for name in ("letters", "file"):
        with pytest.raises(BundleError, match="exists and is not a bundle"):
            write(tmp_path / name)
    assert (tmp_path / "letters" / "dear.txt").read_text() == (tmp_path / "file").read_text() == "dear"


def test_an_empty_folder_and_an_older_bundle_are_replaced(write, whole_in_memory, tmp_path):
    out = tmp_path / "bundle"
    out.mkdir()
    write(out)
    old = Engine.load(out)
    write(out, catalogue=whole_in_memory.catalogue.without(np.arange(5, dtype=np.int32)))
    assert Engine.load(out).catalogue.gone.sum() == 5
    assert old.catalogue.title.codes[3:9].any()  # who had it open goes on reading the old one
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("changed", [{"facts": {"odd": object()}}, {"extra": {"more": {"bad": 3}}}])
def test_a_crash_while_writing_leaves_the_old_bundle(write, tmp_path, changed):
    out = tmp_path / "bundle"
    write(out)
    before = contents(out)
    with pytest.raises((TypeError, AttributeError)):
        write(out, **changed)
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]  # and no half of a new one


def test_a_swap_that_fails_leaves_the_old_bundle(write, tmp_path, monkeypatch):
    out = tmp_path / "bundle"
    write(out)
    before, rename = contents(out), os.rename

    def fail_on_the_new_one(source, target) -> None:
        if (
            Path(target) == out
            and Path(source, MANIFEST).exists()
            and json.loads(Path(source, MANIFEST).read_text()).get("new")
        ):
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_on_the_new_one)
    with pytest.raises(OSError, match="No space left"):
        write(out, facts={"as_of": 0.0, "new": True})
    assert contents(out) == before
