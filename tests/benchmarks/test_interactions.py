"""The comparison on dense sets: nothing held out leaks, budgets are equal, tables say what was measured."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from benchmarks.interactions_data import Cut, hold_out_items, hold_out_later, hold_out_pairs, ones, read_papers
from benchmarks.interactions_engine import engine_document, kept, write_tables
from benchmarks.interactions_examples import film_example
from benchmarks.interactions_report import page, table_of
from benchmarks.interactions_results import Question, read_question, remembered, sizes, write_question
from benchmarks.interactions_systems import Measured, als, bm25, lists, measure, tfidf
from benchmarks.interactions_tuning import ALS, BM25, GRIDS, Shares, Tried, best, trials, tune
from training.config import TrainConfig


def pairs_of(matrix):
    return set(zip(*(axis.tolist() for axis in matrix.nonzero()), strict=True))


@st.composite
def interactions(draw):
    """A random set of at most 12 users and 15 items."""
    users, items = draw(st.integers(2, 12)), draw(st.integers(3, 15))
    there = np.random.default_rng(draw(st.integers(0, 1000))).random((users, items)) < draw(st.floats(0.1, 0.9))
    there[0, 0] = True
    return sparse.csr_matrix(there.astype(np.float32))


def checkerboard(users, items):
    """Users of even number have items of even number, odd ones odd ones."""
    row, column = np.indices((users, items))
    return sparse.csr_matrix(((row + column) % 2 == 0).astype(np.float32))


def askers_are_askable(cut):
    """Every asker has something known and something asked for."""
    assert (np.diff(cut.known.indptr)[cut.users] > 0).all()
    assert (np.diff(cut.asked.indptr)[cut.users] > 0).all()


@settings(max_examples=50, deadline=None)
@given(interactions(), st.integers(0, 5))
def test_held_out_pairs_are_not_known(whole, seed):
    cut = hold_out_pairs(whole, 5, seed)
    assert pairs_of(cut.known) & pairs_of(cut.asked) == set()
    assert pairs_of(cut.known) | pairs_of(cut.asked) == pairs_of(whole)
    assert len(cut.users) <= 5
    askers_are_askable(cut)
    held = np.diff(cut.asked.indptr)
    assert held.tolist() == np.rint(0.2 * np.diff(whole.indptr)).tolist()


@settings(max_examples=50, deadline=None)
@given(interactions(), st.integers(0, 5))
def test_held_out_items_are_known_to_nobody(whole, seed):
    cut = hold_out_items(whole, np.ones(whole.shape[1], bool), 100, seed)
    assert not np.diff(cut.known.tocsc().indptr)[cut.among].any()
    assert not np.diff(cut.asked.tocsc().indptr)[~cut.among].any()
    assert pairs_of(cut.known) | pairs_of(cut.asked) == pairs_of(whole)
    askers_are_askable(cut)
    tuning = hold_out_items(cut.known, ~cut.among, 100, seed + 1)
    assert not (tuning.among & cut.among).any()
    assert pairs_of(tuning.known) | pairs_of(tuning.asked) == pairs_of(cut.known)


@settings(max_examples=50, deadline=None)
@given(interactions(), st.integers(0, 5))
def test_what_is_asked_for_comes_later_than_all_that_is_known(whole, seed):
    times = whole.tocoo()
    times.data = np.random.default_rng(seed).permutation(len(times.data)).astype(float) + 1
    cut = hold_out_later(times, 100, seed)
    when = {(r, c): t for r, c, t in zip(times.row.tolist(), times.col.tolist(), times.data.tolist(), strict=True)}
    known, asked = pairs_of(cut.known), pairs_of(cut.asked)
    assert known & asked == set()
    if known and asked:
        assert max(when[pair] for pair in known) < min(when[pair] for pair in asked)
    row = np.repeat(np.arange(whole.shape[0]), np.diff(cut.known.indptr))
    in_order = zip(row.tolist(), cut.known.indices.tolist(), strict=True)
    assert cut.time.tolist() == [when[pair] for pair in in_order]


def test_a_pair_that_is_known_is_never_asked_for_again():
    times = sparse.coo_matrix(([1.0, 9.0, 2.0, 10.0], ([0, 0, 0, 0], [3, 3, 1, 2])), shape=(1, 5))
    cut = hold_out_later(times, 10, 0)
    assert pairs_of(cut.asked) == {(0, 2)}


def test_the_engine_is_given_what_is_known_and_nothing_else(tmp_path):
    pd = pytest.importorskip("pandas")
    cut = hold_out_pairs(checkerboard(6, 20), 10, 0)
    items = pd.DataFrame({"posting_id": [f"i{at}" for at in range(20)], "title": "t", "description": "d"})
    write_tables(cut, items, tmp_path, 0)
    events = pd.read_csv(tmp_path / "events.csv")
    given_ = {(int(user[1:]), int(item[1:])) for user, item in zip(events["user"], events["item"], strict=True)}
    assert given_ == pairs_of(cut.known)
    assert events.columns.tolist() == ["user", "item"]


@pytest.mark.parametrize(("dated", "timed"), [(True, True), (True, False), (False, False)])
def test_the_document_is_a_config_that_a_customer_could_write(dated, timed):
    document = engine_document({"retrieve": {"near": 0}}, dated, timed, {"blocks": 2})
    config = TrainConfig.model_validate(document)
    assert config.engine.retrieve.near == 0
    tables = document["sources"]["tables"]
    assert ("timestamp" in tables["events"][0]["columns"]) == timed
    assert ("date_posted" in tables["postings"][0]["columns"]) == dated


@pytest.mark.parametrize(
    ("fit", "chosen"),
    [
        (als, {"dimensions": 4, "regularisation": 0.1, "confidence": 10.0}),
        (bm25, {"neighbours": 120, "k1": 0.2, "b": 0.2}),
    ],
)
def test_plain_systems_find_the_other_half_of_a_checkerboard(fit, chosen):
    cut = hold_out_pairs(checkerboard(40, 120), 40, 0)
    rows = lists(fit(cut.known, chosen), cut)
    known = [set(cut.known[user].indices.tolist()) for user in cut.users]
    assert all(not known[at] & set(row.tolist()) for at, row in enumerate(rows))
    found = measure(rows, cut)
    assert found.recall.min() == 1
    assert found.ndcg.mean() > 0.9  # by chance some 0.2; a few lists of ALS differ from processor to processor


def test_tfidf_finds_new_items_by_their_words():
    whole = checkerboard(40, 120)
    words = sparse.csr_matrix(np.eye(2, dtype=np.float32)[np.arange(120) % 2])
    cut = hold_out_items(whole, np.arange(120) >= 60, 40, 0)
    among = cut.among | (np.arange(120) >= 60)  # so many that a list holds others too
    rows = lists(tfidf(words)(cut.known, {"log": True, "rarity": 1.0, "length": 0.0}), cut, among)
    assert measure(rows, cut).recall.min() == 1


def test_kept_are_the_first_that_are_among_and_padding_never_is():
    among = np.array([True, False, True, False, True])
    rows = kept(np.array([[1, 4, 3, 0, 2], [1, 3, 2, -1, -1]]), among, 2)
    assert rows.tolist() == [[4, 0], [2, -1]]


def test_nobody_has_more_trials_than_the_budget():
    for name, grid in GRIDS.items():
        drawn = [tuple(one.values()) for one in trials(name, 12, 0)]
        assert len(set(drawn)) == 12
        assert all(value in grid[key] for one in trials(name, 12, 0) for key, value in one.items())
        assert drawn[:5] == [tuple(one.values()) for one in trials(name, 5, 0)]
    Shares(5, 4, ({},) * 3).checked(12)
    with pytest.raises(ValueError, match="the engine's trials are 13, those of the others 12"):
        Shares(5, 4, ({},) * 4).checked(12)


def test_the_engine_takes_the_best_of_its_own_share_alone():
    tried = {
        ALS: [Tried({"at": at}, worth, worth) for at, worth in enumerate([0.1, 0.3, 0.2, 0.9])],
        BM25: [Tried({"at": at}, worth, worth) for at, worth in enumerate([0.1, 0.1, 0.9])],
    }
    assert Shares(3, 2, ()).parts(tried) == ({"at": 1}, {"at": 0})
    assert best(tried[ALS]).chosen == {"at": 3}


def test_tuning_tries_its_budget_and_remembers(tmp_path):
    cut = hold_out_pairs(checkerboard(20, 120), 20, 0)
    said = []
    fresh = remembered(tmp_path / "tried.json", lambda: tune(BM25, bm25, cut, 3, 0, said.append))
    assert [one.chosen for one in fresh] == list(trials(BM25, 3, 0))
    assert len(said) == 3
    assert remembered(tmp_path / "tried.json", lambda: pytest.fail("tried again")) == fresh


def small_question():
    """Two users; the engine finds all for the first one, the plain systems nothing or half of it."""
    figures = {
        "all items": {
            "half": Measured(np.array([0.5, 0.5]), np.array([0.5, 0.5])),
            "nothing": Measured(np.zeros(2), np.zeros(2)),
            "engine": Measured(np.array([0.75, 0.75]), np.array([0.25, 0.25])),
        }
    }
    return Question("a question", {"users asked": 2_000}, figures, ["a note"], ["an example"], {"engine": {"a": 1}})


def test_the_table_compares_with_the_best_plain_system():
    head, _, *rows = table_of(small_question().figures["all items"]).splitlines()
    assert head.count("|") == 6
    cells = {row.split(" | ")[0].strip("| "): row for row in rows}
    assert "+50.0% [+50.0%, +50.0%]" in cells["engine"]
    assert "-50.0% [-50.0%, -50.0%]" in cells["engine"]
    assert "%" not in cells["half"] + cells["nothing"]
    assert "0.7500 [0.7500, 0.7500]" in cells["engine"]


def test_where_no_plain_system_finds_anything_there_is_no_ratio():
    figures = small_question().figures["all items"]
    del figures["half"]
    assert "+0.7500 [+0.7500, +0.7500]" in table_of(figures)


def test_the_page_holds_figures_notes_example_and_config():
    text = page([small_question()], 12, 400)
    assert "## A question\n\nUsers asked 2,000." in text
    assert "```yaml\nengine:\n  a: 1\n```" in text
    assert "- a note" in text
    assert "an example" in text
    assert "12 trials at most" in text


def test_a_question_comes_back_from_disk(tmp_path):
    question = small_question()
    write_question(tmp_path / "q.json", question)
    again = read_question(tmp_path / "q.json")
    assert page([again], 12, 400) == page([question], 12, 400)


def test_sizes_count_the_pairs_of_the_askers():
    known, asked = ones(np.array([0, 1]), np.array([0, 1]), (3, 4)), ones(np.array([0, 2]), np.array([1, 1]), (3, 4))
    cut = Cut(known, asked, np.array([0]), np.array([True, True, True, False]))
    assert sizes(cut) == {"users asked": 1, "known pairs": 2, "pairs asked for": 1, "items listed": 3}


def test_an_example_names_the_latest_and_marks_what_is_asked_for():
    pd = pytest.importorskip("pandas")
    known = ones(np.zeros(3, int), np.array([0, 1, 2]), (1, 6))
    asked = ones(np.zeros(1, int), np.array([4]), (1, 6))
    cut = Cut(known, asked, np.array([0]), np.ones(6, bool), np.array([10.0, 30.0, 20.0]))
    films = type("F", (), {"films": pd.DataFrame({"title": list("abcdef")})})
    intro, table = film_example(films, cut, np.array([[4, 3]]), np.array([[5, 4]]), "other")
    assert "the latest first: b; c; a" in intro
    assert "| 1 | **e** | f |" in table
    assert "| 2 | d | **e** |" in table


def test_papers_are_read_with_their_words(tmp_path):
    (tmp_path / "users.dat").write_text("2 0 2\n1 1\n", encoding="utf-8")
    (tmp_path / "mult.dat").write_text("2 0:1 1:3\n1 1:1\n0\n", encoding="utf-8")
    (tmp_path / "vocabulary.dat").write_text("rare\ncommon\n", encoding="utf-8")
    papers = read_papers(tmp_path)
    assert pairs_of(papers.chosen) == {(0, 0), (0, 2), (1, 1)}
    texts = papers.texts()
    assert texts["title"].tolist() == ["rare common", "common", "untitled"]
    assert sorted(texts["description"][0].split()) == ["common", "common", "common", "rare"]
