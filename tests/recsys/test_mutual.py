"""Lists of candidates for postings, on boards where the answer is known and on the small market."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import BundleError, RequestError
from recsys.mutual import findable, matches_for, score_pairs
from recsys.reverse import find

TOWNS = {"Chicago": (41.88, -87.63), "Evanston": (42.04, -87.69), "Denver": (39.74, -104.98)}
NURSE = "Triage, wound care, patient assessment."


def person(key, town, title, skills, text="", **more):
    at = dict(zip(("latitude", "longitude"), TOWNS[town], strict=True))
    return {"candidate_id": key, "skills": skills, "desired_titles": title, "text": text, **at, **more}


@pytest.fixture
def board(train_board):
    places = list(TOWNS.items())
    postings = [
        {"posting_id": f"p{n}", "title": title, "description": text, "skills": skills,
         "latitude": places[n % 3][1][0], "longitude": places[n % 3][1][1]}
        for n, (title, text, skills) in enumerate(
            [("Ward nurse", NURSE, "triage, wound care"), ("Steel welder", "MIG and TIG plates.", "mig, tig"),
             ("Data analyst", "Tables and charts.", "sql, excel")] * 4
        )
    ]  # fmt: skip
    candidates = [
        person("far", "Denver", "Ward nurse", "triage, wound care", NURSE),
        person("hidden", "Evanston", "Ward nurse", "triage, wound care", NURSE, findable="no"),
        person("just-right", "Evanston", "Ward nurse", "triage, wound care", NURSE),
        person("unskilled", "Evanston", "Ward nurse", "mig", "Plates."),
        person("welder", "Chicago", "Steel welder", "mig, tig", "MIG and TIG plates."),
    ]
    events = [{"candidate_id": "welder", "posting_id": "p9", "type": "apply", "timestamp": 1_700_000_000}]
    events.append({"candidate_id": "clicks-only", "posting_id": "p3", "type": "view", "timestamp": 1_700_000_000})
    return train_board(postings=postings, candidates=candidates, events=events)[0]


def ids(scorer, posting, k=10):
    return [line.candidate_id for line in scorer.candidates_for(posting, k, scorer.as_of)]


def test_who_has_just_the_skills_and_lives_in_the_next_town_comes_first(board):
    lines = board.candidates_for("p0", 10, board.as_of)
    assert lines[0].candidate_id == "just-right"
    assert [line.rank for line in lines] == list(range(1, len(lines) + 1))
    assert all(np.diff([line.together for line in lines]) <= 0)


def test_who_does_not_want_to_be_found_is_not_and_who_says_nothing_cannot_be(board):
    assert not {"hidden", "clicks-only"} & set(ids(board, "p0"))


def test_who_applied_already_is_not_listed(board):
    assert "welder" not in ids(board, "p9")
    assert "welder" in ids(board, "p1")


def test_a_strict_board_lists_only_those_who_say_yes(board):
    assert findable(board.candidates, True).sum() == len(board.candidates) - 1
    assert not findable(board.candidates, False).any()
    engine = board.engine
    strict = engine.settings.model_copy(
        update={"reciprocal": engine.settings.reciprocal.model_copy(update={"findable_default": False})}
    )
    rows = np.array([0], np.int32)
    found = matches_for(replace(engine, settings=strict), board.finders, board.candidates, rows, 5, board.as_of)
    assert len(found.rank) == 0


def test_an_unknown_posting_and_an_empty_list_are_refused(board):
    with pytest.raises(RequestError, match="nothing-like-it"):
        board.candidates_for("nothing-like-it")
    with pytest.raises(RequestError, match="at least 1"):
        board.candidates_for("p0", 0)


def test_a_bundle_without_finders_says_so(board):
    for file in (board.path / "finders").iterdir():
        file.unlink()
    (board.path / "finders").rmdir()
    with pytest.raises(BundleError, match="train again"):
        board.candidates_for("p0")


def test_many_postings_at_once_are_answered_as_each_alone(scorer):
    rows = np.sort(scorer.engine.catalogue.by_text.rows)[:21].astype(np.int32)
    together = scorer.matches(rows, 7, scorer.as_of)
    for at, row in enumerate(rows):
        alone = scorer.matches(row[None], 7, scorer.as_of)
        mine = together.posting == at
        np.testing.assert_array_equal(together.candidate[mine], alone.candidate)
        np.testing.assert_array_equal(together.together[mine], alone.together)


def test_the_finders_bring_all_of_a_small_market_that_count(scorer):
    engine, everybody = scorer.engine, np.arange(len(scorer.candidates))
    for row in np.sort(engine.catalogue.by_text.rows)[:5].astype(np.int32):
        both, allowed = score_pairs(
            engine,
            scorer.candidates,
            float(scorer.finders.level[0]),
            everybody,
            np.full(len(everybody), row, np.int32),
            scorer.as_of,
        )
        order = np.where(allowed & ~np.isnan(both.together), -both.together, 1)
        best = np.argsort(order, kind="stable")[:5]
        found = scorer.matches(row[None], 5, scorer.as_of)
        assert len(np.intersect1d(best, found.candidate)) >= 4


def test_few_are_found_where_few_are_asked_for(scorer):
    engine = scorer.engine
    none = engine.settings.reciprocal.model_copy(update=dict.fromkeys(("alike", "joint", "near", "factors"), 0))
    only_by_choice = none.model_copy(update={"cooccur": 3})
    listed = np.ones(len(scorer.candidates), bool)
    rows = np.sort(engine.catalogue.by_text.rows)[:8].astype(np.int32)
    found = find(scorer.finders, scorer.candidates, engine.catalogue, rows, listed, only_by_choice, 1)
    assert max(map(len, found)) <= 3
    found = find(scorer.finders, scorer.candidates, engine.catalogue, rows, ~listed, engine.settings.reciprocal, 1)
    assert max(map(len, found)) == 0
