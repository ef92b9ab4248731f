import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from recsys.errors import ConfigError, DataError
from recsys.schema import CANDIDATE_COLUMNS, EVENT_TYPES, EXPERIENCE_COLUMNS, POSTING_COLUMNS
from training.market.behaviour import attention
from training.market.people import draw_people
from training.market.people_text import PeopleWriter
from training.market.posting_text import PostingWriter, pay_words, with_article
from training.market.postings import draw_postings
from training.market.preferences import Offers, Wants, travel_minutes, true_utility
from training.market.truth import Truth
from training.market.vocabulary import load_vocabulary
from training.market.world import build_world
from training.simulate import SimulateConfig, SimulateSummary, simulate

CONFIG = SimulateConfig(candidates=2500, postings=3000, seed=3, cities=15, exact_duplicates=0.1, piece_rows=2000)
FILES = ("postings", "candidates", "experience", "events", "truth_postings", "truth_candidates")


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / f"{name}.parquet").read_bytes()).hexdigest() for name in FILES}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> SimulateSummary:
    return simulate(CONFIG, tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def truth(market: SimulateSummary) -> Truth:
    return Truth.load(market.out)


@pytest.fixture(scope="module")
def events(market: SimulateSummary, truth: Truth) -> pd.DataFrame:
    """The events with the rows of their ids and the true utility of each pair."""
    frame = pq.read_table(market.out / "events.parquet").to_pandas()
    people, postings = truth.rows(frame["candidate_id"].to_numpy(str), frame["posting_id"].to_numpy(str))
    return frame.assign(person=people, posting=postings, utility=truth.utility(people, postings))


def read(market: SimulateSummary, name: str) -> pa.Table:
    return pq.read_table(market.out / f"{name}.parquet")


def test_same_seed_gives_the_same_bytes_and_another_seed_others(market, tmp_path):
    again = simulate(CONFIG, tmp_path / "again")
    other = simulate(CONFIG.model_copy(update={"seed": 4}), tmp_path / "other")
    assert digests(again.out) == digests(market.out)
    assert not set(digests(other.out).values()) & set(digests(market.out).values())


def test_columns_are_those_of_the_schema(market):
    arrow = {
        "text": pa.string(),
        "words": pa.list_(pa.string()),
        "number": pa.float64(),
        "time": pa.timestamp("ms", "UTC"),
        "flag": pa.bool_(),
    }
    for name, columns in (
        ("postings", POSTING_COLUMNS),
        ("candidates", CANDIDATE_COLUMNS),
        ("experience", EXPERIENCE_COLUMNS),
    ):
        schema = read(market, name).schema
        assert {column: schema.field(column).type for column in columns} == {
            column: arrow[kind] for column, kind in columns.items()
        }
    place = read(market, "postings").schema.field("locations").type.value_type
    assert place.names == ["city", "region", "country", "latitude", "longitude"]
    assert read(market, "events").column_names == [
        "candidate_id", "posting_id", "type", "timestamp", "rank", "event_id", "request_id", "surface",
    ]  # fmt: skip


def test_counts_and_ids(market):
    postings, people = read(market, "postings"), read(market, "candidates")
    assert len(postings) == len(set(postings["posting_id"].to_pylist())) == market.postings == CONFIG.postings
    assert len(people) == len(set(people["candidate_id"].to_pylist())) == market.profiles < CONFIG.candidates
    assert len(read(market, "truth_candidates")) == market.candidates == CONFIG.candidates
    assert len(read(market, "experience")) == market.experience > 0
    events = read(market, "events")
    assert len(set(events["event_id"].to_pylist())) == len(events) == sum(market.events.values())
    assert set(market.events) <= set(EVENT_TYPES)
    assert min(market.events.values()) > 0


def test_profiles_tell_more_or_less(market):
    people, kinds = read(market, "candidates").to_pandas(), read(market, "truth_candidates").to_pandas()
    kind = kinds.set_index("candidate_id")["kind"].loc[people["candidate_id"]].to_numpy()
    assert set(kind) == {"full", "partial", "cv", "city"}
    assert people.loc[kind == "full", ["headline", "summary", "skills", "desired_titles"]].notna().all(axis=None)
    assert people.loc[kind == "cv", "text"].notna().all()
    assert people.loc[kind != "cv", "text"].isna().all()
    assert people.loc[kind == "city", ["headline", "summary", "text", "skills"]].isna().all(axis=None)
    assert people.loc[kind == "city", "city"].notna().all()
    silent = kinds.loc[kinds["kind"] == "events", "candidate_id"]
    assert len(silent) > 0
    assert not set(silent) & set(people["candidate_id"])


def test_people_write_in_other_words_than_postings(market):
    postings, people = read(market, "postings"), read(market, "candidates")
    asked = set(postings["skills"].combine_chunks().flatten().to_pylist())
    usual = {wordings[0] for wordings in load_vocabulary().skills}
    held = people["skills"].combine_chunks().flatten().to_pylist()
    assert np.mean([skill in usual for skill in held]) < 0.4
    assert asked & set(held)


def test_every_event_finds_its_posting_up(events, truth):
    moment = events["timestamp"].dt.tz_localize(None).to_numpy("datetime64[s]").astype(np.int64)
    posted, expires = truth.posted[events["posting"]], truth.expires[events["posting"]]
    assert (moment >= posted).all()
    assert (moment < expires).all()
    assert (moment >= CONFIG.start_second).all()
    assert (moment < CONFIG.end_second).all()
    posted_column = (truth.expires - truth.posted) / 86_400
    assert posted_column.min() >= 30
    assert posted_column.max() <= 60


def test_pages_show_each_posting_once_and_rank_from_one(events):
    shown = events[events["type"] == "impression"]
    assert not shown.duplicated(["request_id", "posting_id"]).any()
    pages = shown.groupby("request_id")["rank"]
    assert (pages.min() == 1).all()
    assert (pages.max() == pages.size()).all()
    assert pages.size().max() <= CONFIG.page_size + 5
    assert events.loc[events["surface"] == "email", "rank"].isna().all()
    assert "impression" not in set(events.loc[events["surface"] == "email", "type"])
    assert events.loc[events["surface"] != "email", "rank"].notna().all()


def test_nobody_acts_on_what_is_settled(events):
    settled = events[events["type"].isin(["apply", "dismiss"])]
    assert not settled.duplicated(["candidate_id", "posting_id"]).any()
    first = settled.set_index(["candidate_id", "posting_id"])["timestamp"]
    opened = events[events["type"] == "view"].set_index(["candidate_id", "posting_id"])["timestamp"]
    both = opened.to_frame("opened").join(first.to_frame("settled"), how="inner")
    assert len(both) > 50
    assert (both["opened"] < both["settled"]).all()


def test_better_postings_get_stronger_events(events):
    mean = events.groupby("type")["utility"].mean()
    assert mean["apply"] > mean["save"] > mean["view"] > mean["impression"] > mean["dismiss"]
    assert mean["apply"] - mean["impression"] > 2


def test_rank_matters_beside_utility(events):
    """Among postings of about the same true utility, the first ranks are opened more often than the last."""
    paged = events[(events["surface"] != "email") & events["utility"].between(0, 2)]
    opened = paged[paged["type"] == "view"]["rank"]
    shown = paged[paged["type"] == "impression"]["rank"]
    top = (opened <= 3).sum() / (shown <= 3).sum()
    bottom = (opened >= 12).sum() / (shown >= 12).sum()
    assert (shown >= 12).sum() > 200
    assert top > 1.4 * bottom


def test_attention_falls_with_rank_and_in_steps_with_age():
    patience = np.full(4, 0.5, np.float32)
    by_rank = attention(np.array([1, 2, 8, 25]), patience, np.ones(4))
    assert (np.diff(by_rank) < 0).all()
    by_age = attention(np.ones(4, int), patience, np.array([0.1, 1.9, 2.1, 6.9]))
    assert by_age[0] == by_age[1] > by_age[2] == by_age[3]


def test_exact_duplicates_copy_all_but_the_id(market):
    postings, hidden = read(market, "postings").to_pandas(), read(market, "truth_postings").to_pandas()
    copies = hidden[hidden["kind"] == "copy"]
    assert len(copies) / len(hidden) == pytest.approx(0.1, abs=0.02)
    assert (copies["source_id"] < copies["posting_id"]).all()
    rows = postings.drop(columns=["skills", "locations", "remote_countries"]).set_index("posting_id")
    copied, original = (rows.loc[copies[name]].reset_index(drop=True) for name in ("posting_id", "source_id"))
    pd.testing.assert_frame_equal(copied, original)


def test_reposts_come_later_with_nearly_the_same_text(market):
    postings = read(market, "postings").to_pandas().set_index("posting_id")
    hidden = read(market, "truth_postings").to_pandas()
    reposts = hidden[hidden["kind"] == "repost"]
    assert len(reposts) / len(hidden) == pytest.approx(0.03, abs=0.012)
    new, old = postings.loc[reposts["posting_id"]], postings.loc[reposts["source_id"]]
    assert (new["date_posted"].to_numpy() > old["date_posted"].to_numpy()).all()
    pairs = zip(new["description"], old["description"], strict=True)
    shared = [len(set(late.split()) & set(early.split())) / len(set(early.split())) for late, early in pairs]
    assert np.mean(shared) > 0.8
    assert (new["description"].to_numpy() != old["description"].to_numpy()).all()


def test_pieces_do_not_depend_on_each_other_nor_on_the_size(market):
    world = build_world(CONFIG)
    second = draw_postings(world, 1)
    assert PostingWriter(world).table(second, 1).to_pylist() == read(market, "postings").slice(2000).to_pylist()
    people = draw_people(world, 3)
    profiles, experience = PeopleWriter(world).tables(people, 3)
    ids = profiles["candidate_id"].to_pylist()
    assert ids[0] >= "c0001200"
    stored = read(market, "candidates")
    assert profiles.to_pylist() == stored.slice(stored["candidate_id"].to_pylist().index(ids[0]), len(ids)).to_pylist()
    larger = build_world(CONFIG.model_copy(update={"postings": 9000, "candidates": 9000}))
    whole = draw_postings(larger, 1)
    assert len(whole.posted) == 2000
    np.testing.assert_array_equal(whole.posted[: len(second.posted)], second.posted)
    np.testing.assert_array_equal(whole.offers.taste[: len(second.posted)], second.offers.taste)
    assert len(experience) > 0


def test_shares_of_what_postings_state(market):
    postings = read(market, "postings").to_pandas()
    assert postings["salary_min"].isna().mean() == pytest.approx(0.4, abs=0.05)
    assert (postings["salary_min"].dropna() <= postings["salary_max"].dropna()).all()
    assert set(postings["salary_period"].dropna()) == {"HOUR", "YEAR"}
    assert 0.05 < (postings["remote"] == True).mean() < 0.16  # noqa: E712 - the column holds None too
    assert 0.2 < postings["seniority"].isna().mean() < 0.55
    assert postings["company"].nunique() > 300
    assert postings["title"].nunique() > 500
    assert postings["description"].str.len().median() > 500


def test_impressions_can_be_left_out_without_changing_what_people_do(market, tmp_path):
    silent = simulate(CONFIG.model_copy(update={"impressions": False}), tmp_path)
    assert silent.events == market.events | {"impression": 0}


@pytest.mark.parametrize("postings", [1, 30])
def test_the_smallest_markets(tmp_path, postings):
    summary = simulate(SimulateConfig(candidates=40, postings=postings, countries=("DE", "FR"), cities=5), tmp_path)
    places = read(summary, "postings")["locations"].combine_chunks().flatten().to_pylist()
    assert {place["country"] for place in places} <= {"DE", "FR"}
    assert len(read(summary, "postings")) == postings


def make_pair(**changes: object) -> tuple[Wants, Offers]:
    """A person and a posting that suit each other, but for ``changes``."""
    home = np.array([[1, 0, 0]], np.float32)
    common = {
        "occupation": np.array([0], np.int16),
        "level": np.array([1], np.int8),
        "country": np.array([0], np.int16),
    }
    skills, taste = np.array([[7, 0]], np.uint64), np.full((1, 6), 0.3, np.float32)
    numbers = {"reservation": 40_000, "tolerable": 30, "steepness": 5, "cap": 60, "mobility": 0.01, "home_office": 0.9}
    wants = {name: np.array([value], np.float32) for name, value in numbers.items()}
    offers = {"place": home, "second": home, "remote": np.array([False]), "pay": np.array([44_000], np.float32)}
    return (
        Wants(**common, **wants, home=home, skills=skills, taste=taste),
        Offers(**(common | offers | {"skills": skills, "taste": taste} | changes)),
    )


def value(**changes: object) -> float:
    row = np.array([0])
    return float(true_utility(*make_pair(**changes), row, row, load_vocabulary().transition)[0])


def test_utility_follows_its_formula():
    fit = 0.3 + 0.7 * (1 - np.exp(-3))
    commute = 1 / (1 + np.exp((6 - 30) / 5))
    taste = np.tanh(6 * 0.09 / 2)
    expected = 6 * np.sqrt(fit * commute) * (1 + 0.35 * taste) + 1.2 * (1 - 1.1**-2) - 4
    assert value() == pytest.approx(expected, abs=1e-4)


def test_utility_falls_with_each_thing_that_is_wrong():
    far = np.array([[np.cos(0.01), np.sin(0.01), 0]], np.float32)
    best = value()
    assert value(place=far, second=far) < best
    assert value(place=far) == pytest.approx(best, abs=1e-5)  # the second place is still at home
    assert value(place=far, second=far, remote=np.array([True])) > value(place=far, second=far)
    assert value(skills=np.array([[8, 0]], np.uint64)) < value(skills=np.array([[9, 0]], np.uint64)) < best
    assert value(level=np.array([3], np.int8)) < value(level=np.array([2], np.int8)) < best
    assert value(occupation=np.array([1], np.int16)) < best
    raise_, loss = value(pay=np.array([48_000], np.float32)) - best, value(pay=np.array([36_000], np.float32)) - best
    assert 0 < raise_ < -loss


def test_travel_is_slow_near_home():
    minutes = travel_minutes(np.array([0, 5, 50], np.float32))
    assert minutes[0] == 6
    assert minutes[2] - minutes[0] < 10 * (minutes[1] - minutes[0])


def test_vocabulary_is_complete():
    vocabulary = load_vocabulary()
    assert len(vocabulary.occupations) >= 60
    for job in vocabulary.occupations:
        assert len(job.tasks) >= 5
        assert 6 <= len(job.skills) <= 10
        assert all(job.titles)
        assert len(job.people) >= 3
        assert set(job.people).isdisjoint(title for level in job.titles for title in level)
    assert (np.diag(vocabulary.transition) == 1).all()
    assert all(len(wordings) >= 2 for wordings in vocabulary.skills)


def test_texts_are_filled_in(market):
    postings, people = read(market, "postings"), read(market, "candidates")
    for column in (postings["title"], postings["description"], people["summary"], people["text"], people["headline"]):
        words = [text for text in column.to_pylist() if text is not None]
        assert not any("{" in text or "  " in text or ".." in text for text in words)


def test_words_for_pay_and_articles():
    assert pay_words(18.5, 21, True, "USD") == ("$18.50 - $21.00 an hour", "$18.50 an hour")
    assert pay_words(62_000, 62_000, False, "EUR") == ("€62,000 a year", "€62,000 a year")
    nouns = ("Electrician", "Cook", "RN", "HR Generalist", "UI Engineer", "MIG Welder")
    assert [with_article(noun).split()[0] for noun in nouns] == ["an", "a", "an", "an", "a", "a"]


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ConfigError, match="XX"):
        build_world(SimulateConfig(candidates=1, postings=1, countries=("XX",)))
    with pytest.raises(ValidationError, match="candidate_count"):
        SimulateConfig(candidates=1, postings=1, candidate_count=2)
    with pytest.raises(DataError, match="jobrec simulate"):
        Truth.load(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="--out"):
        simulate(SimulateConfig(candidates=1, postings=1), tmp_path / "file")


def test_unknown_ids_are_refused(truth):
    with pytest.raises(DataError, match="c9999999"):
        truth.rows(np.array(["c9999999"]), np.array(["p0000000"]))
