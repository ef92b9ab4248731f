"""One YAML file for a training run: what it may hold, and what is said of one that holds something else."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from recsys.errors import ConfigError
from training.config import TrainConfig, load_config

CONFIGS = Path(__file__).parents[2] / "configs"


def written(folder: Path, text: str) -> Path:
    file = folder / "config.yaml"
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_hold():
    assert load_config(None) == TrainConfig()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "engine: {}\n"])
def test_an_empty_file_means_the_defaults(tmp_path, text):
    assert load_config(written(tmp_path, text)) == TrainConfig()


def test_every_setting_can_be_written_down_and_read_again(tmp_path):
    config = TrainConfig.model_validate(
        {"encoder": {"encoder": "hash"}, "engine": {"retrieve": {"pool": 40}}, "validation": {"blocks": 2}}
    )
    file = written(tmp_path, yaml.safe_dump(config.model_dump(mode="json", by_alias=True)))
    assert load_config(file) == config != TrainConfig()


OF_SERVING = (CONFIGS / "serve.yaml", CONFIGS / "alerts.yaml")


@pytest.mark.parametrize(
    "file",
    sorted(set(CONFIGS.glob("*.yaml")) - {*CONFIGS.glob("adapt_*.yaml"), *OF_SERVING}),
    ids=lambda file: file.stem,
)
def test_the_configs_that_ship_are_valid(file):
    config = load_config(file)
    assert config.sources.tables.postings or config.sources == TrainConfig().sources


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("engin: {}", r"engin: no such name; did you mean engine\?"),
        ("engine: {retrieve: {pol: 3}}", r"engine\.retrieve\.pol: no such name; did you mean pool\?"),
        ("engine: {retrieve: {pool: 3}}", r"engine\.retrieve\.pool: .*greater than or equal to 10"),
        (
            "engine: {events: {weights: {click: 1}}}",
            r"weights\.click: no such name; known are impression, view, save, apply, dismiss, hire",
        ),
        ("engine: {events: {hide: [aply]}}", r"engine\.events\.hide"),
        ("validation: {blocks: none}", r"validation\.blocks: .*valid integer"),
        ("validation: {later_share: 1.0}", r"validation\.later_share: .*less than 1"),
        ("a: 1\nb: 2", r"and 1 more"),
        ("- a\n- b", "must be|should be|dictionary"),
        ("5", "must be|should be|dictionary"),
        ("0", "must be|should be|dictionary"),
        ("engine: [", "is not YAML"),
        ("engine: {a: b: c}", "is not YAML"),
        ("\tengine: 1", "is not YAML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, said):
    file = written(tmp_path, text)
    with pytest.raises(ConfigError, match=said) as error:
        load_config(file)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)
    assert ": :" not in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"missing\.yaml cannot be read: No such file"):
        load_config(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.yaml is not YAML"):
        load_config(tmp_path / "binary.yaml")


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        TrainConfig().validation.blocks = 3
