"""Training a tiny static model: it learns, the clock stops it, a killed run is resumed, and the better one is kept."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import jobrec
from recsys.encode import EncoderConfig, load_encoder, open_model
from recsys.errors import ConfigError, MissingExtraError
from training.adapt import trainer
from training.adapt.adapt import adapt
from training.adapt.config import AdaptConfig

ROOT = Path(__file__).parents[2]
GROUPS, WORDS = 60, 4


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A static model of random rows: no two words are alike, until it is told."""
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:  # before sentence-transformers 6
        from sentence_transformers.models import StaticEmbedding
    words = ["[UNK]", *(f"w{at}x{n}" for at in range(GROUPS) for n in range(WORDS)), "job", "work", "staff"]
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny") / "model"
    static = StaticEmbedding(tokenizer, embedding_dim=16)
    SentenceTransformer(modules=[static], device="cpu").save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Groups of one word and one ending each: what a word means is learned from its other endings."""
    folder = tmp_path_factory.mktemp("titles")
    rows = []
    for at in range(GROUPS):
        for n, ending in enumerate(("job", "work", "staff")):
            rows.append((f"{at}-{n}", f"w{at}x0 {ending}", f"w{at}x1 {ending}\nw{at}x2 {ending}\nw{at}x3 {ending}"))
    pd.DataFrame(rows, columns=["code", "title", "also"]).to_csv(folder / "titles.csv", index=False)
    return folder


def settings(tiny, **more):
    return {
        "encoder": {"encoder": str(tiny)},
        "titles": [{"path": "titles.csv", "group": "code", "title": "title", "also": "also"}],
        "pairs": {"noise": 0},
        "learning": {"batch_size": 16, "passes": 6, "learning_rate": 0.05},
        "hold_out": {"every": 10},
        **more,
    }


def config(tiny, **more):
    return AdaptConfig.model_validate(settings(tiny, **more))


def run(tiny, data, out, minutes=None, resume=False, said=None, **more):
    said = [] if said is None else said
    return adapt(config(tiny, **more), data, out, out.parent / "cache", minutes, resume, said.append)


def test_it_learns_and_the_folder_is_an_encoder(tiny, data, tmp_path):
    said = []
    record = run(tiny, data, tmp_path / "model", said=said)
    assert record["mrr_by_step"][str(record["kept_step"])]["mean"] > record["mrr_before"]["mean"] + 0.2
    assert record["mrr_by_step"][str(record["kept_step"])]["mean"] == max(
        one["mean"] for one in record["mrr_by_step"].values()
    )
    assert record["steps"] == record["pairs"]["batches"]
    assert said[-1] == record["sentence"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]

    kept = json.loads((tmp_path / "model" / "adapted.json").read_text())
    assert kept == json.loads(json.dumps(record))
    page = (tmp_path / "model" / "ADAPTED.md").read_text()
    assert f"{record['mrr_before']['mean']:.4f}" in page
    assert "titles.csv" in page

    encoder = load_encoder(EncoderConfig(encoder=str(tmp_path / "model")))
    assert encoder.name.startswith("model-")
    one, same, other = encoder.encode(["w1x0 job", "w1x1 job", "w2x0 job"])
    assert one @ same > one @ other
    assert encoder.encode(["w1x0"]).shape == (1, encoder.dimension)


def test_the_same_settings_give_the_same_weights(tiny, data, tmp_path):
    for name in ("one", "two"):
        run(tiny, data, tmp_path / name / "model", learning={"batch_size": 16, "passes": 1, "steps": 8})
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert weights[0] == weights[1]


def test_the_start_is_kept_where_nothing_is_better(tiny, data, tmp_path):
    learned = tmp_path / "learned"
    run(tiny, data, learned)
    said = []
    # A rate that throws everything about.
    record = run(
        learned, data, tmp_path / "again", said=said, learning={"batch_size": 16, "passes": 1, "learning_rate": 50.0}
    )
    assert record["kept_step"] == 0
    assert "the start is kept" in said[-1]
    assert "the start is kept" in (tmp_path / "again" / "ADAPTED.md").read_text()
    texts = ["w1x0 job", "w1x1 staff"]
    before, after = (
        load_encoder(EncoderConfig(encoder=str(one))).encode(texts) for one in (learned, tmp_path / "again")
    )
    assert np.array_equal(before, after)


def test_the_clock_stops_it_and_the_best_is_kept(tiny, data, tmp_path):
    record = run(tiny, data, tmp_path / "model", minutes=1e-6)
    assert record["stopped_by_minutes"]
    assert record["steps"] == 1
    assert list(record["mrr_by_step"]) == ["1"]


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, {root!r})
import yaml
from training.adapt.adapt import adapt
from training.adapt.config import AdaptConfig
def say(line):
    print(line, file=sys.stderr)
    if line.startswith("step 20:"):  # judged, not yet written: the checkpoint of step 10 is the last whole one
        os.kill(os.getpid(), 9)
config = AdaptConfig.model_validate(yaml.safe_load({config!r}))
adapt(config, Path({data!r}), Path({out!r}), Path({out!r}).parent / "cache", None, False, say)
"""


def test_a_killed_run_is_resumed_to_the_same_end(tiny, data, tmp_path):
    out = tmp_path / "killed"
    script = KILLED.format(root=str(ROOT), config=yaml.safe_dump(settings(tiny)), data=str(data), out=str(out))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert not out.exists()
    assert (tmp_path / "killed.checkpoints" / "checkpoint-10").is_dir()

    with pytest.raises(ConfigError, match="--resume"):
        run(tiny, data, out)
    with pytest.raises(ConfigError, match="other settings"):
        run(tiny, data, out, resume=True, pairs={"noise": 0.5})
    said = []
    resumed = run(tiny, data, out, resume=True, said=said)
    assert any(line.startswith("resumed at step 10 of") for line in said)
    whole = run(tiny, data, tmp_path / "whole")
    assert resumed["steps"] == whole["steps"] == whole["pairs"]["batches"]
    assert resumed["mrr_before"] == whole["mrr_before"]
    assert resumed["mrr_by_step"] == whole["mrr_by_step"]
    assert (out / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    assert not (tmp_path / "killed.checkpoints").exists()


def test_a_run_that_dies_after_its_last_step_is_not_trained_again(tiny, data, tmp_path, monkeypatch):
    short = {"batch_size": 16, "passes": 1, "steps": 6}

    def full(*arguments):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("training.adapt.adapt.write_record", full)
        with pytest.raises(OSError, match="no space"):
            run(tiny, data, tmp_path / "model", learning=short)
    assert [path.name for path in tmp_path.iterdir()] == ["model.checkpoints"]
    resumed = run(tiny, data, tmp_path / "model", resume=True, learning=short)
    whole = run(tiny, data, tmp_path / "whole", learning=short)
    assert resumed["steps"] == whole["steps"] == 6
    assert resumed["mrr_by_step"] == whole["mrr_by_step"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "whole")]
    assert weights[0] == weights[1]


def test_there_must_be_something_to_resume_and_nothing_in_the_way(tiny, data, tmp_path):
    with pytest.raises(ConfigError, match="nothing to resume"):
        run(tiny, data, tmp_path / "model", resume=True)
    (tmp_path / "model").mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        run(tiny, data, tmp_path / "model")


def test_what_is_not_installed_is_named(tiny, data, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        trainer.importlib.util, "find_spec", lambda name, *more: None if name == "datasets" else found(name, *more)
    )
    with pytest.raises(MissingExtraError, match=r"jobrec\[adapt\]"):
        run(tiny, data, tmp_path / "model")


def test_hashed_words_cannot_learn(data, tmp_path):
    with pytest.raises(ConfigError, match="no model"):
        run("hash", data, tmp_path / "model")


def test_the_command(tiny, data, tmp_path, capsys):
    file = tmp_path / "adapt.yaml"
    file.write_text(yaml.safe_dump(settings(tiny, learning={"batch_size": 16, "passes": 1, "steps": 4})))
    arguments = ["adapt-encoder", "--config", str(file), "--data", str(data), "--out", str(tmp_path / "model")]
    assert jobrec.main([*arguments, "--json", "--cache", str(tmp_path / "cache")]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])["steps"] == 4
    assert "MRR on held-out groups" in err
    assert jobrec.main([*arguments, "--cache", str(tmp_path / "cache")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("jobrec adapt-encoder: ")
    assert err.count("\n") == 1


@pytest.mark.long
def test_the_packaged_model_learns_in_its_own_precision(data, tmp_path):
    """A transformer: mixed precision, a token limit in training that the result does not keep."""
    record = run("minilm", data, tmp_path / "model", learning={"batch_size": 16, "steps": 4}, hold_out={"every": 2})
    assert record["steps"] == 4
    assert list(record["mrr_by_step"]) == ["2", "4"]
    adapted = open_model(EncoderConfig(encoder=str(tmp_path / "model")))
    assert adapted.max_seq_length == open_model(EncoderConfig()).max_seq_length
    assert load_encoder(EncoderConfig(encoder=str(tmp_path / "model"))).encode(["a nurse"]).shape == (1, 384)


@pytest.mark.skipif("JOBREC_DATA" not in os.environ, reason="JOBREC_DATA, the folder of real data, is not set")
def test_the_config_that_ships_reads_the_real_files(tmp_path):
    from training.adapt.config import load_adapt_config
    from training.adapt.plan import make_plan
    from training.adapt.read import read_groups

    shipped = load_adapt_config(ROOT / "configs" / "adapt_titles.yaml")
    groups = read_groups(shipped, Path(os.environ["JOBREC_DATA"]), tmp_path / "rejected.parquet", print)
    assert groups.names == ["ESCO", "O*NET"]
    assert len(groups) > 4000
    plan = make_plan(groups, shipped)
    assert plan.steps > 300
    assert {one.name for one in plan.questions} == {"ESCO", "O*NET"}
