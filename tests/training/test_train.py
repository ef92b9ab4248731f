"""Training from end to end: boards of every kind, the same bits twice, and lists that are worth having."""

import os
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.bundle import read_manifest
from recsys.encode import EncoderConfig, HashEncoder
from recsys.errors import BundleError, DataError
from recsys.rank import HAND_SET
from recsys.request import Interaction, Profile, Request
from serving.export import export
from serving.profile import profile_from_texts
from serving.score import Scorer
from training.config import TrainConfig, load_config
from training.market.truth import Truth
from training.simulate import SimulateConfig, simulate
from training.train import train

POSITIVE = ["view", "save", "apply"]
TITLES = ["Registered Nurse", "Night Nurse", "Line Cook", "Head Chef", "Truck Driver", "Van Driver", "Java Developer"]
CITIES = [("Boston", "Massachusetts"), ("Chicago", "Illinois"), ("Seattle", "Washington")]


def postings(count: int = 60, **more: object) -> list[dict[str, object]]:
    return [
        {
            "posting_id": f"p{n:04d}",
            "title": TITLES[n % len(TITLES)],
            "city": CITIES[n % 3][0],
            "region": CITIES[n % 3][1],
            "country": "US",
            **more,
        }
        for n in range(count)
    ]


def events(count: int, candidates: int = 30, **more: object) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    return [
        {
            "candidate_id": f"c{rng.integers(candidates):03d}",
            "posting_id": f"p{rng.integers(60):04d}",
            "type": POSITIVE[rng.integers(3)],
            **more,
        }
        for _ in range(count)
    ]


def test_the_same_input_gives_the_same_files(market, tmp_path):
    config = TrainConfig.model_validate(
        {"encoder": {"encoder": "hash"}, "engine": read_manifest(market.bundle)["settings"]}
    )
    train(config, market.data, tmp_path / "again", tmp_path / "another_cache", lambda line: None)
    first, second = read_manifest(market.bundle), read_manifest(tmp_path / "again")
    assert first["files"] == second["files"]
    assert len(first["files"]) > 50
    assert first["name"].split("-")[1] == second["name"].split("-")[1]


def test_what_is_done_is_said(market):
    said = "\n".join(market.said)
    assert "postings: 400 rows read, 400 kept, 0 rejected" in said
    assert "encoding with hash-256-v1" in said
    assert f"order: {market.trained.choice.ranker.name}, chosen on {market.trained.choice.queries} queries" in said
    assert "400 postings" in market.said[-1]


def test_the_manifest_says_what_was_trained_and_how(market):
    manifest = read_manifest(market.bundle)
    assert manifest["postings"] == 400
    assert manifest["dimension"] == 256
    assert manifest["encoder"]["name"] == "hash-256-v1"
    assert manifest["validation"]["queries"] == market.trained.choice.queries
    assert set(manifest["versions"]) >= {"python", "jobrec", "numpy", "faiss-cpu"}
    assert manifest["as_of"] <= SimulateConfig(candidates=1, postings=1, end=date(2025, 6, 30)).end_second


def test_a_board_with_postings_only(train_board):
    """Nobody is known, nothing was done: by text, by place, and the newest for those who say nothing."""
    dated = [one | {"date_posted": f"2026-05-{1 + n % 28:02d}"} for n, one in enumerate(postings())]
    scorer, trained = train_board(postings=dated)
    assert trained.choice.ranker is HAND_SET
    assert len(scorer.candidates) == 0
    now = scorer.as_of
    nurse = profile_from_texts(HashEncoder(), "nurse at night in a hospital")
    titles = dict(zip(trained.prepared.ids.names(), trained.prepared.postings["title"], strict=True))
    cities = dict(zip(trained.prepared.ids.names(), [CITIES[n % 3][0] for n in range(60)], strict=True))
    by_text = scorer.recommend_request(Request(profile=nurse, now=now), 10)
    assert {titles[line.posting_id] for line in by_text} == {"Registered Nurse", "Night Nurse"}
    in_seattle = Profile(home=(47.61, -122.33))
    by_place = scorer.recommend_request(Request(profile=in_seattle, now=now), 10)
    assert {cities[line.posting_id] for line in by_place} == {"Seattle"}
    nothing = scorer.recommend_request(Request(now=now), 6)
    assert {dated[int(line.posting_id[1:])]["date_posted"] for line in nothing[:2]} == {"2026-05-28"}


@pytest.mark.parametrize("dated", [True, False])
def test_where_no_posting_has_a_date_the_share_of_what_nobody_chose_is_said(tmp_path, market, dated):
    board = tmp_path / "board"
    board.mkdir()
    rows = postings(**({"date_posted": "2026-05-01"} if dated else {}))
    pd.DataFrame(rows).to_csv(board / "postings.csv", index=False)
    said: list[str] = []
    config = TrainConfig(encoder=EncoderConfig(encoder="hash"))
    train(config, board, tmp_path / "bundle", market.cache, said.append)
    line = "postings carry no dates: 50% of a list is for those without any event (engine.arrange.new_share)"
    assert (line in said) != dated


def test_a_board_with_postings_only_exports_an_empty_file(train_board, tmp_path):
    scorer, _ = train_board(postings=postings())
    assert export(scorer, tmp_path / "lists.parquet") == 0
    assert len(pd.read_parquet(tmp_path / "lists.parquet")) == 0


def test_popular_postings_for_those_who_say_nothing(train_board):
    chosen = [{"candidate_id": f"c{n}", "posting_id": "p0017", "type": "apply"} for n in range(20)]
    scorer, _ = train_board(postings=postings(), events=chosen + events(50))
    lines = scorer.recommend_request(Request(now=scorer.as_of), 10)
    assert lines[0].posting_id == "p0017"
    assert "much asked for now" in lines[0].reasons


def test_events_without_times(train_board):
    scorer, trained = train_board(postings=postings(), events=events(900))
    assert trained.choice.queries >= 200
    assert trained.choice.trial is not None
    lists = scorer.recommend_many(scorer.candidates.ids.names().tolist(), 10, scorer.as_of)
    assert all(len(one) == 10 for one in lists)


def test_a_board_with_one_posting(train_board):
    scorer, _ = train_board(postings=postings(1), events=events(1) and [
        {"candidate_id": "c1", "posting_id": "p0000", "type": "view", "timestamp": "2026-05-01"}
    ])  # fmt: skip
    assert [line.posting_id for line in scorer.recommend("c1", 10, scorer.as_of)] == ["p0000"]
    assert len(scorer.recommend_request(Request(now=scorer.as_of), 10)) == 1
    assert "listed: rank 1 of 1" in scorer.engine.why(Request(now=scorer.as_of), "p0000")


def test_a_candidate_with_ten_thousand_events(train_board):
    many = events(10_000, candidates=1, timestamp="2026-05-01T10:00")
    scorer, _ = train_board(postings=postings(), events=many + events(40))
    lines = scorer.recommend("c000", 60, scorer.as_of)
    applied = {event["posting_id"] for event in many if event["type"] == "apply"}
    assert not applied & {line.posting_id for line in lines}
    assert len(lines) == 60 - len(applied)
    assert len(scorer.recommend("c001", 10, scorer.as_of)) == 10


def test_candidates_without_any_event(train_board):
    people = [{"candidate_id": "n", "headline": "Nurse", "desired_titles": "Registered Nurse"}, {"candidate_id": "x"}]
    scorer, trained = train_board(postings=postings(), candidates=people)
    assert trained.choice.queries == 0
    assert scorer.recommend("n", 3, scorer.as_of)[0].reasons
    assert len(scorer.recommend("x", 10, scorer.as_of)) == 10


def test_events_that_say_nothing_train(train_board):
    scorer, trained = train_board(postings=postings(), events=[one | {"type": "impression"} for one in events(300)])
    assert trained.choice.queries == 0
    assert not scorer.engine.catalogue.behaviour.seen.any()


def test_a_time_missing_here_and_there(train_board):
    """An event without a time stands in a stored history where it stands in the same history of a request."""
    did = [
        {"candidate_id": "c1", "posting_id": f"p{n:04d}", "type": "view", "timestamp": time}
        for n, time in enumerate(["2026-05-01", None, "2026-05-03", None, "2026-05-02"])
    ]
    scorer, _ = train_board(postings=postings(), events=did)
    history = [
        Interaction(
            one["posting_id"], "view", one["timestamp"] and pd.Timestamp(one["timestamp"], tz="UTC").timestamp()
        )
        for one in did
    ]
    asked = scorer.engine.queries([Request(history=history, now=scorer.as_of)])
    row = np.array([scorer.candidates.ids.row("c1")])
    stored = scorer.candidates.queries(row, scorer.as_of, scorer.engine.settings.events)
    np.testing.assert_array_equal(asked.history, stored.history)


def test_an_empty_board_is_refused(train_board):
    with pytest.raises(DataError, match="posting"):
        train_board(postings=[{"posting_id": None, "title": None}])


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_place_that_is_taken_is_refused_before_anything_is_read(market, tmp_path, kind):
    out = tmp_path / "taken"
    if kind == "folder":
        out.mkdir()
        (out / "letter.txt").write_text("dear")
    else:
        out.write_text("dear")
    said: list[str] = []
    config = TrainConfig(encoder=EncoderConfig(encoder="hash"))
    with pytest.raises(BundleError, match="exists and is not a bundle"):
        train(config, market.data, out, market.cache, said.append)
    assert said == []


@pytest.fixture(scope="module")
def cut(tmp_path_factory, market):
    """A market cut in two: trained on the first part, asked for what was chosen in the second."""
    folder = tmp_path_factory.mktemp("cut")
    drawn = SimulateConfig(
        candidates=400, postings=600, cities=20, seed=2, end=date(2025, 6, 30), sessions_per_candidate=15
    )
    simulate(drawn, folder)
    did, board = pd.read_parquet(folder / "events.parquet"), pd.read_parquet(folder / "postings.parquet")
    moment = did.loc[did["type"].isin(POSITIVE), "timestamp"].quantile(0.75)
    (folder / "first").mkdir()
    for name in ("candidates", "experience"):
        shutil.copy(folder / f"{name}.parquet", folder / "first")
    did[did["timestamp"] < moment].to_parquet(folder / "first" / "events.parquet")
    board[board["date_posted"] < moment].to_parquet(folder / "first" / "postings.parquet")
    config = TrainConfig(encoder=EncoderConfig(encoder="hash"))
    train(config, folder / "first", folder / "bundle", market.cache, lambda line: None)
    scorer = Scorer(folder / "bundle")
    names = scorer.candidates.ids.names().tolist()
    now = moment.timestamp()
    lists = dict(zip(names, scorer.recommend_many(names, 10, now), strict=True))
    attributes = scorer.engine.catalogue.attributes
    showable = np.flatnonzero(scorer.engine.catalogue.open & (attributes.posted <= now) & (attributes.until >= now))
    return scorer, lists, showable, did[did["timestamp"] >= moment], did[did["timestamp"] < moment], folder


def test_later_choices_stand_in_the_lists(cut):
    scorer, lists, showable, later, earlier, _ = cut
    catalogue = scorer.engine.catalogue
    pair = ["candidate_id", "posting_id"]
    new = later[later["type"].isin(POSITIVE)].drop_duplicates(pair)
    known = set(map(tuple, earlier.loc[earlier["type"].isin(POSITIVE), pair].to_numpy()))
    names = set(catalogue.ids.names(showable))
    asked = [(c, p) for c, p in new[pair].to_numpy() if c in lists and p in names and (c, p) not in known]
    assert len(asked) > 60
    popular = showable[np.argsort(-catalogue.behaviour.popularity[showable], kind="stable")[:10]]
    popular = set(catalogue.ids.names(popular))
    hit = np.mean([p in {line.posting_id for line in lists[c]} for c, p in asked])
    by_popularity = np.mean([p in popular for _, p in asked])
    at_random = 10 / len(showable)
    print(f"hit@10 of {len(asked)}: engine {hit:.3f}, popularity {by_popularity:.3f}, random {at_random:.3f}")
    assert hit > 2 * by_popularity
    assert hit > 3 * at_random


def test_the_lists_are_liked(cut):
    """By the preferences that drew the market, which no column shows."""
    scorer, lists, showable, _, _, folder = cut
    truth, catalogue = Truth.load(folder), scorer.engine.catalogue
    people, _ = truth.rows(np.array(list(lists), str), np.repeat(truth.posting_ids[:1], len(lists)))
    listed = [[line.posting_id for line in one] for one in lists.values()]
    full = np.array([len(one) == 10 for one in listed])
    people = people[full]
    of_full = np.array([one for one in listed if len(one) == 10], str).ravel()
    _, shown = truth.rows(np.repeat(truth.candidate_ids[:1], len(of_full)), of_full)
    popular = showable[np.argsort(-catalogue.behaviour.popularity[showable], kind="stable")[:10]]
    _, board = truth.rows(np.repeat(truth.candidate_ids[:1], len(showable)), catalogue.ids.names(showable).astype(str))
    _, most = truth.rows(np.repeat(truth.candidate_ids[:1], 10), catalogue.ids.names(popular).astype(str))

    def liked(rows: np.ndarray) -> float:
        each = rows if rows.ndim == 2 else np.tile(rows, (len(people), 1))
        return float(truth.utility(np.repeat(people, each.shape[1]), each.ravel()).mean())

    ours, by_popularity, at_random = liked(shown.reshape(-1, 10)), liked(most), liked(board)
    print(f"true utility: engine {ours:.2f}, popularity {by_popularity:.2f}, random {at_random:.2f}")
    assert ours > max(by_popularity, at_random) + 0.25


@pytest.mark.long
def test_a_real_board_reaches_its_floor(tmp_path):
    """The last fifth of the views, asked from the rest. Measured when this was written: hit@10 .159, hit@100 .455."""
    data = os.environ.get("JOBREC_DATA")
    if not data:
        pytest.skip("JOBREC_DATA names no folder with the public files")
    source, folder = Path(data) / "jobviews", tmp_path / "data"
    folder.mkdir()
    for name in ("Postings.csv", "Experience.csv", "Positions_Of_Interest.csv"):
        shutil.copy(source / name, folder)
    views = pd.read_csv(source / "Job_Views.csv", dtype=str)
    time = pd.to_datetime(views["View.Start"], utc=True)
    moment = time.quantile(0.8)
    views[time < moment].to_csv(folder / "Job_Views.csv", index=False)
    config = load_config(Path(__file__).parents[2] / "configs" / "jobviews.yaml")
    config = config.model_copy(update={"encoder": EncoderConfig(encoder="hash")})
    train(config, folder, tmp_path / "bundle", tmp_path / "cache", lambda line: None)
    scorer = Scorer(tmp_path / "bundle")
    pair = ["Applicant.ID", "Job.ID"]
    known, later = views[time < moment][pair], views[time >= moment][pair].drop_duplicates()
    later = later[~later.apply(tuple, axis=1).isin(set(map(tuple, known.to_numpy())))]
    later = later[later["Applicant.ID"].isin(scorer.candidates.ids.names())]
    first = later.drop_duplicates("Applicant.ID")
    lists = scorer.recommend_many(first["Applicant.ID"].tolist(), 100, moment.timestamp())
    ids = [[line.posting_id for line in one] for one in lists]
    at_10 = np.mean([posting in one[:10] for posting, one in zip(first["Job.ID"], ids, strict=True)])
    at_100 = np.mean([posting in one for posting, one in zip(first["Job.ID"], ids, strict=True)])
    print(f"{len(first)} candidates: hit@10 {at_10:.3f}, hit@100 {at_100:.3f}")
    assert len(first) > 250
    assert at_10 > 0.10
    assert at_100 > 0.30
