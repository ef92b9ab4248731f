"""One engine, whatever asks it: the export, batches of any size, single calls, requests, before and after a save."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from recsys.config import EngineSettings, FactorSettings, RetrieveSettings
from recsys.encode import EncoderConfig
from recsys.engine import Engine
from recsys.errors import DataError, RequestError
from recsys.request import Recommendation
from serving.export import export
from serving.score import Scorer
from training.config import TrainConfig
from training.simulate import SimulateConfig, simulate
from training.snapshot import catalogue_at
from training.train import train

K = 10


def ids_of(lists: list[list[Recommendation]]) -> list[list[str]]:
    return [[line.posting_id for line in one] for one in lists]


def same(found: list[list[Recommendation]], expected: list[list[Recommendation]]) -> None:
    assert ids_of(found) == ids_of(expected)
    for one, other in zip(found, expected, strict=True):
        assert [line.rank for line in one] == list(range(1, len(one) + 1))
        np.testing.assert_allclose([line.score for line in one], [line.score for line in other], rtol=0, atol=1e-6)


def lists_in(file, scorer: Scorer) -> list[list[Recommendation]]:
    frame = pd.read_parquet(file)
    of = dict(list(frame.groupby("candidate_id", sort=False)))
    return [
        [Recommendation(line.posting_id, line.rank, line.score) for line in of[one].itertuples()] if one in of else []
        for one in scorer.candidates.ids.names()
    ]


@pytest.fixture(scope="module", params=["scorer", "searching"])
def serving(request) -> Scorer:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def one_by_one(serving) -> list[list[Recommendation]]:
    return [serving.recommend(one, K, serving.as_of) for one in serving.candidates.ids.names()]


@pytest.fixture(scope="module")
def in_memory(request, serving, scorer) -> Engine:
    """The engine that was never written."""
    return request.getfixturevalue("whole_in_memory" if serving is scorer else "searching_in_memory")


def test_the_market_holds_what_these_tests_are_about(market, serving, scorer, one_by_one):
    postings = market.prepared.postings
    columns = [name for name in postings.columns if name != "posting_id"]
    copies = postings.duplicated(columns, keep=False).to_numpy()
    assert copies.mean() > 0.1
    assert (copies & serving.engine.catalogue.open).sum() >= 10
    if serving is not scorer:
        assert serving.engine.catalogue.open.sum() > serving.engine.settings.retrieve.pool
        sources = {source for one in one_by_one for line in one for source in line.sources}
        assert sources == {"text", "near", "factors", "cooccur", "words", "recent", "popular"}
    assert sum(map(len, one_by_one)) > 0.9 * K * len(one_by_one)
    group = serving.engine.catalogue.copies.group
    for one in one_by_one:
        rows = serving.engine.catalogue.ids.rows([line.posting_id for line in one])
        assert len(np.unique(group[rows])) == len(one)


def test_batches_of_any_size_give_the_lists_of_single_calls(serving, one_by_one):
    names = serving.candidates.ids.names().tolist()
    for sizes in ((len(names),), (1, 7, 16, 17, 33, 3, 64)):
        batches, at = [], 0
        while at < len(names):
            size = sizes[len(batches) % len(sizes)]
            batches.append(serving.recommend_many(names[at : at + size], K, serving.as_of))
            at += size
        same([one for batch in batches for one in batch], one_by_one)


def test_a_candidate_may_stand_in_a_batch_twice_and_in_any_order(serving, one_by_one):
    rows = np.random.default_rng(3).integers(0, len(one_by_one), 50)
    names = serving.candidates.ids.names(rows).tolist()
    same(serving.recommend_many(names, K, serving.as_of), [one_by_one[row] for row in rows])


def test_the_export_gives_the_lists_of_single_calls(serving, one_by_one, tmp_path):
    rows = export(serving, tmp_path / "lists.parquet", K)
    same(lists_in(tmp_path / "lists.parquet", serving), one_by_one)
    frame = pd.read_parquet(tmp_path / "lists.parquet")
    assert rows == len(frame) == sum(map(len, one_by_one))
    assert list(frame) == ["candidate_id", "posting_id", "rank", "score", "probability", "reasons", "bundle"]
    assert frame["reasons"].tolist() == ["; ".join(line.reasons) for one in one_by_one for line in one]
    assert set(frame["bundle"]) == {serving.engine.name}


def test_an_engine_that_was_never_written_gives_the_lists_of_the_loaded_one(in_memory, serving, one_by_one, market):
    rows = np.arange(len(one_by_one))
    queries = market.prepared.candidates.queries(rows, serving.as_of, in_memory.settings.events)
    same(in_memory.recommendations(in_memory.answer(queries, K)), one_by_one)


def test_a_request_with_the_same_profile_and_events_gives_the_list_of_the_stored_candidate(
    serving, one_by_one, requests_of
):
    requests = requests_of(serving.as_of)
    assert [request.candidate_id for request in requests] == serving.candidates.ids.names().tolist()
    found = serving.engine.recommend(requests, K)
    same(found, one_by_one)
    assert [[line.reasons for line in one] for one in found] == [[line.reasons for line in one] for one in one_by_one]
    same([serving.recommend_request(request, K) for request in requests[:40]], one_by_one[:40])


@pytest.mark.parametrize("reasons", [True, False])
def test_more_lines_than_postings_give_all_that_may_be_shown(serving, reasons, tmp_path):
    more = len(serving.engine.catalogue) * 3
    export(serving, tmp_path / "all.parquet", more, reasons=reasons)
    frame = pd.read_parquet(tmp_path / "all.parquet")
    some = serving.candidates.ids.names()[:30].tolist()
    same(lists_in(tmp_path / "all.parquet", serving)[:30], serving.recommend_many(some, more, serving.as_of))
    assert frame["reasons"].eq("").all() != reasons
    shown = frame.groupby("candidate_id").size()
    catalogue = serving.engine.catalogue
    assert shown.max() == len(np.unique(catalogue.copies.group[catalogue.open]))


def test_the_export_reports_progress_and_leaves_nothing_beside_the_file(scorer, tmp_path):
    told: list[tuple[int, int]] = []
    export(scorer, tmp_path / "lists.parquet", 3, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (len(scorer.candidates), len(scorer.candidates))
    assert [file.name for file in tmp_path.iterdir()] == ["lists.parquet"]


def test_the_export_takes_the_moment_it_is_given(scorer, tmp_path):
    later = scorer.as_of + 20 * 86_400
    export(scorer, tmp_path / "lists.parquet", 5, now=later, reasons=False)
    same(
        lists_in(tmp_path / "lists.parquet", scorer),
        scorer.recommend_many(scorer.candidates.ids.names().tolist(), 5, later),
    )


def test_a_file_that_cannot_be_written_is_an_error_and_an_older_one_stays(scorer, tmp_path):
    with pytest.raises(DataError, match=r"missing/lists\.parquet cannot be written"):
        export(scorer, tmp_path / "missing" / "lists.parquet", 5)
    (tmp_path / "old.parquet").write_text("old")
    with pytest.raises(RequestError, match="k must be at least 1, not 0"):
        export(scorer, tmp_path / "old.parquet", 0)
    assert (tmp_path / "old.parquet").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["old.parquet"]


@pytest.mark.long
def test_a_thousand_candidates_of_a_large_board_get_the_same_lists_everywhere(tmp_path, market):
    """Large enough for compressed indices of hundreds of lists; a tenth of the postings are exact copies."""
    drawn = SimulateConfig(
        candidates=3000, postings=20_000, cities=100, seed=9, exact_duplicates=0.1, days=60, end=date(2025, 6, 30)
    )
    simulate(drawn, tmp_path / "data")
    engine = EngineSettings(
        retrieve=RetrieveSettings(exact_below=1000, pool=200), factors=FactorSettings(dimensions=32, iterations=5)
    )
    config = TrainConfig(encoder=EncoderConfig(encoder="hash"), engine=engine)
    trained = train(config, tmp_path / "data", tmp_path / "bundle", market.cache, lambda line: None)
    scorer = Scorer(tmp_path / "bundle")
    assert scorer.engine.catalogue.open.sum() > 5000
    export(scorer, tmp_path / "lists.parquet", K)
    exported = lists_in(tmp_path / "lists.parquet", scorer)
    chosen = np.random.default_rng(0).choice(len(scorer.candidates), 1000, replace=False)
    names = scorer.candidates.ids.names(chosen).tolist()
    one_by_one = [scorer.recommend(name, K, scorer.as_of) for name in names]
    same([exported[row] for row in chosen], one_by_one)
    batches = [scorer.recommend_many(names[at : at + 37], K, scorer.as_of) for at in range(0, 1000, 37)]
    same([one for batch in batches for one in batch], one_by_one)
    everything = np.ones(len(trained.prepared.candidates.histories.posting), bool)
    catalogue = catalogue_at(trained.prepared, engine, everything, scorer.as_of, scorer.as_of)
    choice = trained.choice
    in_memory = Engine(catalogue, choice.ranker, engine, trained.prepared.skills, cut=choice.cut)
    queries = trained.prepared.candidates.queries(chosen, scorer.as_of, engine.events)
    same(in_memory.recommendations(in_memory.answer(queries, K)), one_by_one)
