"""Questions by hand: moments, places, CVs and why."""

import io
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recsys.errors import BundleError, DataError, RequestError
from serving.ask import Asking, find_place, headings, parse_moment, table


@pytest.fixture(scope="module")
def asking(market) -> Asking:
    return Asking(market.bundle, market.cache)


def test_moments():
    assert parse_moment("data", 5.0) == 5.0
    assert parse_moment("now", 5.0) == pytest.approx(datetime.now(UTC).timestamp(), abs=5)
    utc = datetime(2026, 5, 31, 8, tzinfo=UTC).timestamp()
    for text in ("2026-05-31T08:00", "2026-05-31T08:00:00+00:00", "2026-05-31T10:00+02:00", "2026-05-31T08:00Z"):
        assert parse_moment(text, 0.0) == utc
    assert parse_moment("2026-05-31", 0.0) == utc - 8 * 3600


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "12"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(RequestError, match="is not a time: use"):
        parse_moment(text, 0.0)


@pytest.mark.parametrize(
    ("text", "name", "latitude", "longitude"),
    [
        ("40.5, -74", "the point", 40.5, -74.0),
        ("Houston, Texas, United States", "Houston, Texas, United States", 29.76, -95.37),
        ("Houston, TX", "Houston, Texas, United States", 29.76, -95.37),
        ("Paris, France", "Paris, France", 48.85, 2.35),
        ("Toronto", "Toronto, Ontario, Canada", 43.7, -79.4),
        ("Atlantis", "Atlantis, South Africa", -33.57, 18.48),
        ("New York, NY", "New York City, New York, United States", 40.71, -74.01),
        ("San Juan, PR", "San Juan, Puerto Rico", 18.47, -66.11),
        ("Tbilisi, Georgia", "Tbilisi, Georgia", 41.69, 44.83),
        ("Georgia", "the middle of Georgia, United States", 33.28, -83.86),
        ("Texas, United States", "the middle of Texas, United States", 30.98, -97.52),
        ("Newfoundland", "the middle of Newfoundland and Labrador, Canada", 48.14, -54.2),
    ],
)
def test_places_and_what_was_understood(text, name, latitude, longitude):
    found = find_place(text)
    assert found.name == name
    assert (found.latitude, found.longitude) == pytest.approx((latitude, longitude), abs=0.1)
    assert str(found).startswith(f"{name} (")


@pytest.mark.parametrize(
    ("text", "area"),
    [("Atlantis, Illinois", "Illinois, United States"), ("Atlantis, Georgia", "Georgia, United States")],
)
def test_a_town_that_the_region_does_not_have_is_not_its_middle(text, area):
    with pytest.raises(RequestError, match=f"no town 'Atlantis' is known in {area}; write a larger town"):
        find_place(text)


@pytest.mark.parametrize("text", ["Nowhereville", "", "91, 10", "10, 400", "nan, nan", "inf, 3"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(RequestError, match="is not known; write"):
        find_place(text)


def test_a_cv_gets_a_list_with_titles_like_it(asking, tmp_path):
    row = int(np.flatnonzero(asking.scorer.engine.catalogue.open)[3])
    title = asking.scorer.engine.explainer.titles.take([row])[0]
    (tmp_path / "cv.txt").write_text(title)
    lines = asking.by_text(tmp_path / "cv.txt", 10, asking.moment("data"), None).lines
    assert len(lines) == 10
    assert any("profile" in reason for line in lines for reason in line.reasons)
    here = asking.by_text(tmp_path / "cv.txt", 10, asking.moment("data"), find_place("Los Angeles, CA")).lines
    assert here != lines


def test_a_cv_may_come_from_standard_input(asking, tmp_path, monkeypatch):
    (tmp_path / "cv.txt").write_text("a cook in a restaurant")
    monkeypatch.setattr("sys.stdin", io.StringIO("a cook in a restaurant"))
    moment = asking.moment("data")
    assert asking.by_text(Path("-"), 5, moment, None) == asking.by_text(tmp_path / "cv.txt", 5, moment, None)


def test_a_file_that_is_no_text_is_refused(asking, tmp_path):
    (tmp_path / "cv.pdf").write_bytes(b"%PDF-1.7 \xff\xfe")
    for name in ("cv.pdf", "missing.txt"):
        with pytest.raises(DataError, match=rf"{name} cannot be read as UTF-8 text"):
            asking.by_text(tmp_path / name, 5, 0.0, None)


def test_another_encoder_than_the_bundle_was_made_with_is_refused(asking, tmp_path, monkeypatch):
    (tmp_path / "cv.txt").write_text("a cook")
    monkeypatch.setitem(asking.scorer.encoder, "name", "hash-256-v0")
    with pytest.raises(BundleError, match="made with the encoder hash-256-v0, here it is hash-256-v1; train again"):
        asking.by_text(tmp_path / "cv.txt", 5, asking.moment("data"), None)


def test_why_agrees_with_the_list(asking):
    candidate, now = asking.scorer.candidates.ids.names()[6], asking.moment("data")
    for line in asking.by_candidate(candidate, 5, now).lines:
        assert asking.why(candidate, line.posting_id, now, 5).startswith(f"listed: rank {line.rank} of ")


def test_why_names_an_id_that_is_unknown(asking):
    with pytest.raises(RequestError, match="candidate with the id 'nobody'"):
        asking.why("nobody", "p0000001", 0.0, 10)
    with pytest.raises(RequestError, match="posting with the id 'nothing'"):
        asking.why(asking.scorer.candidates.ids.names()[0], "nothing", 0.0, 10)


def test_the_table_holds_every_line(asking):
    lines = asking.by_candidate(asking.scorer.candidates.ids.names()[6], 5, asking.moment("data")).lines
    text = table(asking, lines)
    assert len(text.splitlines()) == 2 * len(lines)
    for line in lines:
        assert f"[{line.posting_id}]" in text
    assert table(asking, []) == "no posting can be shown to this candidate"


def test_the_table_says_where_the_work_is(asking, market):
    engine, rows = asking.scorer.engine, np.arange(400)
    remote, regions = engine.catalogue.attributes.remote == 1, market.prepared.postings["region"].fillna("").to_numpy()
    ids = engine.catalogue.ids.names(rows).tolist()
    assert 0 < remote.sum() < len(rows)
    assert len(set(regions)) > 5
    for heading, posting_id, away, region in zip(headings(engine, ids), ids, remote, regions, strict=True):
        where = (f", {region}" if region else "") + (", remote" if away else "")
        assert heading.endswith(f"{where}  [{posting_id}]")
        assert away == heading.removesuffix(f"  [{posting_id}]").endswith(", remote")


def test_headings_of_a_bundle_without_texts_are_ids(asking):
    first = asking.scorer.engine.catalogue.ids.names([0]).tolist()
    assert headings(replace(asking.scorer.engine, explainer=None), first) == [f"[{first[0]}]"]


def test_the_bundle_says_which_encoder_made_it(market, tmp_path):
    manifest = json.loads((market.bundle / "manifest.json").read_text())
    assert manifest["encoder"]["name"] == "hash-256-v1"
    assert manifest["encoder"]["config"]["encoder"] == "hash"
    shutil.copytree(market.bundle, tmp_path / "moved")
    assert Asking(tmp_path / "moved", market.cache).scorer.engine.name == manifest["name"]
