"""A service under load changes between bundles: nothing fails, nothing is mixed, every answer can be made again."""

import json
import random
import shutil
import time
from itertools import pairwise
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from running import Running, home_of, until
from swapping import HASH, Board, Load, SmallMarket, another, broken_promises, flip, memory_of, replayed, say

import jobrec
from recsys.errors import BundleError
from recsys.manifest import read_manifest
from serving.bundle_commands import activate_bundle, roll_back
from serving.bundles import Home
from serving.gate import Gate, GateSettings
from serving.store import Write

#: A machine that does much else at the same time: what is asked is whether anything fails, not how soon it is there.
PATIENT = {
    "live": {"wait_seconds": 50},
    "http": {"engine": {"threads": 1, "queue": 32, "seconds": 20}, "waits": {"threads": 8, "queue": 32, "seconds": 60}},
}
_SHOWN = (0.5, 0.99, 1)
GOOD = ("monday", "tuesday", "wednesday")


@pytest.fixture(scope="session")
def small_market(tmp_path_factory):
    return SmallMarket(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def tiny_model(small_market, tmp_path_factory):
    """A static model of a few words with random rows of 16 numbers: quick, and an encoder like no other."""
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before sentence-transformers 6
        from sentence_transformers.models import StaticEmbedding
    said = {word for one in small_market.postings for word in one["title"].split()}
    words = ["[UNK]", *sorted(said), "nights", "trainee", "weekends"]
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny") / "model"
    static = StaticEmbedding(tokenizer, embedding_dim=16)
    SentenceTransformer(modules=[static], device="cpu").save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="session")
def nights(small_market, tiny_model, tmp_path_factory):
    """A store, and the bundles of three nights: at two positions, the last with another encoder."""
    folder = tmp_path_factory.mktemp("nights")
    board = Board(folder, small_market)
    with board.open() as store:
        first = store.head()
        rng = random.Random(1)
        for number in range(20):
            document = board.newcomer(1000 + number, rng)
            store.write([Write("posting", document["posting_id"], document)])
        second = store.head()
    other = {"encoder": str(tiny_model), "precision": "float32", "threads": 1}
    return SimpleNamespace(
        board=board,
        monday=board.train(folder / "monday", HASH, first),
        tuesday=board.train(folder / "tuesday", HASH, second),
        wednesday=board.train(folder / "wednesday", other, second),
    )


@pytest.fixture
def place(nights, tmp_path):
    """A home with the three, monday active, and a copy of the store."""
    home = home_of(tmp_path / "home", **{name: getattr(nights, name) for name in GOOD})
    board = Board.__new__(Board)
    board.folder, board.market = tmp_path, nights.board.market
    board.url = f"sqlite:///{tmp_path / 'store.db'}"
    for file in nights.board.folder.glob("store.db*"):
        shutil.copy(file, tmp_path / file.name)
    return SimpleNamespace(home=home, board=board)


def name_of(home, bundle):
    return str(read_manifest(home.bundles / bundle)["name"])


def quiet(line):
    """Says nothing."""


def test_training_from_the_store_is_replayed_from_where_it_stood(nights):
    """Without a newer entry, what the service answers is what the bundle answers."""
    from serving.live.replay import state_at
    from serving.score import Scorer

    scorer, now = Scorer(nights.tuesday), time.time()
    position = read_manifest(nights.tuesday)["position"]
    assert position == read_manifest(nights.monday)["position"] + 20
    with nights.board.open() as store:
        state = state_at(nights.tuesday, store, position, position)
        before = state_at(nights.monday, store, position - 20, position - 20)
        with pytest.raises(Exception, match="made at position"):
            state_at(nights.tuesday, store, position - 1, position - 1)
    for one in nights.board.market.candidates[:20]:
        who = one["candidate_id"]
        assert state.recommend(who, 10, now) == scorer.recommend(who, 10, now)
        assert not any(line.posting_id.startswith("new/") for line in before.recommend(who, 400, now))


def swap(place, load, rng, turn, refused):
    """One swap or rollback, a refused one before some of them; which bundle answers now, and when it was told to."""
    home, now = place.home, place.home.pointer().bundle
    if turn % 10 == 3:
        with pytest.raises(BundleError, match="damaged"):
            activate_bundle(home.path, "damaged", quiet)
    if turn % 10 == 5:
        with pytest.raises(BundleError, match="validation figures"):
            activate_bundle(home.path, "low", quiet)
    if turn % 10 == 4:
        refused(home, load)
    began = time.monotonic()
    if turn % 3 == 2:
        return roll_back(home.path, quiet)["bundle"], time.monotonic()
    name = rng.choice([one for one in GOOD if one != now])
    activate_bundle(home.path, name, quiet, force_gate=True)
    assert time.monotonic() - began < 30
    return name, time.monotonic()


def damaged_after_its_check(home, load):
    """Whole when it was checked, damaged when the workers open it: the old one stays, and readiness says why."""
    serving = load.answers[-1].bundle
    name = f"rotten-{len(load.answers)}"
    folder = another(home.bundles / "tuesday", home.bundles / name)

    def check(folder, active):
        Gate(GateSettings(), force=True)(folder, active)
        flip(folder / "arrays" / "title.codes.npy")

    before = home.pointer().bundle
    home.activate(name, check)

    def told():
        found = httpx.get(f"{load.url}/health/ready", timeout=10, trust_env=False)
        assert found.status_code == 200
        assert found.json()["bundle"] == serving
        return any("title.codes.npy is damaged" in one for one in found.json()["reasons"])

    until(told, "the reason", 20)
    assert roll_back(home.path, quiet)["bundle"] == before
    shutil.rmtree(folder)


def run_swaps(place, tmp_path, swaps, workers):
    home, rng = place.home, random.Random(swaps)
    ranker = json.loads((home.bundles / "tuesday" / "ranker.json").read_bytes())["name"]
    low = {ranker: {"hit@10": 0.0001, "ndcg@10": 0.0001}}
    another(home.bundles / "tuesday", home.bundles / "low", validation={"figures": low})
    shutil.copytree(home.bundles / "tuesday", home.bundles / "damaged")
    flip(home.bundles / "damaged" / "arrays" / "place.npy")
    seconds, last_old, memory = [], [], []
    with Running(tmp_path / "running", home, place.board.url, workers, **PATIENT) as running:
        running.start()
        with Load(running, place.board, seed=swaps) as load, httpx.Client(timeout=90, trust_env=False) as client:
            until(lambda: len(load.answers) > 20, "the first answers")
            for turn in range(swaps):
                who = rng.choice(load.people)
                applied = load.ask(client, who, 1).ids[0]
                position = load.put(client, place.board.newcomer(2000 + turn, rng))["position"]
                load.apply(client, who, applied)
                load.ask(client, who, 5, min_position=position)  # the newcomer can be found, by one worker at least
                bundle, told = swap(place, load, rng, turn, damaged_after_its_check)
                taken_up(place, load, client, who, applied, position, bundle)
                fresh = [one for one in load.answers if one.ended > told and one.bundle == name_of(home, bundle)]
                seconds.append(min(one.ended for one in fresh) - told)
                last_old.append(max([0.0, *(one.began - told for one in stale(load, told, name_of(home, bundle)))]))
                memory.append([memory_of(pid, home) for pid in running.children("worker").values()])
                say(turn=turn, bundle=bundle, first=seconds[-1], last_of_the_old=last_old[-1], failed=len(load.failed))
            time.sleep(1)
            memory.append([memory_of(pid, home) for pid in running.children("worker").values()])
        assert running.stop() == 0
    return SimpleNamespace(load=load, seconds=seconds, last_old=last_old, memory=memory, home=home)


def stale(load, told, name):
    return [one for one in load.answers if one.began > told and one.bundle != name]


def taken_up(place, load, client, who, applied, position, bundle):
    """The first answer of the new bundle has the event and finds what the old one found; waits until all answer so."""
    name, same = name_of(place.home, bundle), []

    def settled():
        with httpx.Client(timeout=90, trust_env=False) as one:
            answer = load.ask(one, who, 100)
        assert answer is not None, load.failed
        if answer.bundle == name:
            assert applied not in answer.ids
            assert answer.position > position
        same.append(answer.bundle == name)
        return len(same) >= 8 and all(same[-8:])

    until(settled, f"answers of {bundle}", 240)  # a model is loaded meanwhile
    assert load.ask(client, who, 5, min_position=position).indexed >= position


def check(found, bundles, board, most):
    load = found.load
    assert load.failed == []
    assert broken_promises(load) == []
    with board.open() as store:
        wrong, counts = replayed(load, bundles, store, most)
    assert wrong == []
    assert len(counts) == len(GOOD)
    names = {read_manifest(one)["name"] for one in bundles}
    assert {one.bundle for one in load.answers} == names
    serving = found.home.pointer().bundle
    for one in found.memory[-1]:
        assert one["bundles"] <= {serving}, "an old bundle is still mapped"
    figures = {
        "answers": len(load.answers),
        "writes": load.written,
        "again": counts,
        "first answer of the new bundle, s": [round(float(np.quantile(found.seconds, q)), 2) for q in (0.5, 0.9, 1)],
        "last answer of the old one, s": [round(float(np.quantile(found.last_old, q)), 2) for q in (0.5, 0.9, 1)],
        "memory": [[(int(w["rss"]), int(w["anon"]), w["areas"]) for w in some] for some in found.memory],
    }
    say(**figures)
    return figures


@pytest.mark.long
def test_a_few_swaps(place, tmp_path):
    found = run_swaps(place, tmp_path, 6, 2)
    check(found, [place.home.bundles / one for one in GOOD], place.board, 120)
    one_decision(place, found, tmp_path)


def one_decision(place, found, tmp_path):
    """The command makes a line of the log of decisions again, and says so where it cannot."""
    file = next(iter(sorted((place.home.path / "decisions").glob("*.jsonl"))))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    names = {name_of(place.home, one): one for one in GOOD}
    line = next(one for one in lines if one["candidate_id"] is not None and len(one["postings"]) > 3)
    told = ["replay", "--bundle", str(place.home.bundles / names[line["bundle"]]), "--store", place.board.url]
    assert jobrec.main([*told, "--decision", f"{file}/{line['request_id']}"]) == 0
    other = next(one for one in GOOD if one != names[line["bundle"]])
    wrong = ["replay", "--bundle", str(place.home.bundles / other), *told[3:]]
    assert jobrec.main([*wrong, "--decision", f"{file}/{line['request_id']}"]) == 2
    changed = tmp_path / "changed.jsonl"
    changed.write_text(json.dumps(line | {"postings": line["postings"][::-1]}) + "\n")
    assert jobrec.main([*told, "--decision", f"{changed}/{line['request_id']}"]) == 2


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_fifty_swaps(place, tmp_path, workers):
    found = run_swaps(place, tmp_path, 50, workers)
    figures = check(found, [place.home.bundles / one for one in GOOD], place.board, 500)
    assert figures["answers"] > 500
    for at in range(workers):
        own = [some[at]["anon"] for some in found.memory]
        areas = [some[at]["areas"] for some in found.memory]
        # Those who wait for a leak of a bundle a swap would see the second half above the first.
        assert np.median(own[30:]) < 1.25 * np.median(own[8:25]) + 10, own
        assert np.median(areas[30:]) < 1.25 * np.median(areas[8:25]) + 20, areas


def test_a_worker_that_starts_again_beside_a_damaged_bundle_answers(place, tmp_path):
    home = place.home
    activate_bundle(home.path, "tuesday", quiet, force_gate=True)
    flip(home.bundles / "tuesday" / "arrays" / "place.npy")
    with Running(tmp_path / "running", home, place.board.url, 1) as running:
        running.start()
        until(lambda: running.client.get("/health/ready").json()["reasons"], "a reason", 20)
        found = running.client.get("/health/ready").json()
        assert found["ready"]
        assert found["bundle"] == name_of(home, "monday")
        assert "place.npy is damaged" in found["reasons"][0]


@pytest.mark.long
def test_two_hosts_see_one_another_within_a_second(place, tmp_path):
    """Two services, each with a board of its own, on one store."""
    rng, seconds, indexed = random.Random(3), [], []
    home, url = place.home, place.board.url
    with Running(tmp_path / "a", home, url, 1) as here, Running(tmp_path / "b", home, url, 1) as there:
        here.start()
        there.start()
        load = Load(here, place.board)
        for number in range(60):
            position = load.put(here.client, place.board.newcomer(5000 + number, rng))["position"]
            began = time.monotonic()
            path = f"/v1/candidates/{load.people[0]}/recommendations?k=1"
            until(lambda path=path, least=position: there.client.get(path).json()["position"] >= least, "obeyed", 5)
            seconds.append(time.monotonic() - began)
            until(lambda path=path, least=position: there.client.get(path).json()["indexed"] >= least, "found", 5)
            indexed.append(time.monotonic() - began)
    assert load.failed == []
    for name, some in (("obeyed", seconds), ("found", indexed)):
        say(
            **{
                f"another host, {name}, s: p50, p99, most": [
                    round(float(np.quantile(some, q)), 3) for q in (0.5, 0.99, 1)
                ]
            }
        )
    assert np.quantile(seconds, 0.99) < 1
    assert all(first <= second for first, second in zip(seconds, indexed, strict=True))


@pytest.mark.long
def test_what_one_worker_acknowledges_the_other_one_obeys(place, tmp_path):
    rng = random.Random(4)
    with Running(tmp_path / "running", place.home, place.board.url, 2) as running:
        running.start()
        load = Load(running, place.board)
        clients = [httpx.Client(timeout=90, trust_env=False) for _ in range(6)]  # a connection stays at one worker
        for number in range(400):
            writer, reader = rng.sample(clients, 2)
            who = rng.choice(load.people)
            first = load.ask(reader, who, 5).ids
            if number % 2 and first:
                load.apply(writer, who, first[0])
            else:
                gone = f"/v1/postings/{first[0].replace('/', '%2F')}" if first else "/v1/postings/none"
                answer = writer.delete(running.url + gone)
                assert answer.status_code in (200, 404), answer.text
            answer = load.ask(reader, who, 5)
            assert not first or first[0] not in answer.ids
        for one in clients:
            one.close()
    assert load.failed == []
    assert broken_promises(load) == []
    assert all(a.position <= b.position for a, b in pairwise(load.answers))


def test_a_home_is_what_the_command_lists(place, capsys):
    assert jobrec.main(["bundles", "list", "--home", str(place.home.path)]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in GOOD)
    assert Home(place.home.path).pointer().bundle == "monday"
