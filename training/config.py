"""The settings of a training run, read from one YAML file."""

from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from recsys.config import EngineSettings, Settings, Share
from recsys.encode import EncoderConfig
from recsys.errors import ConfigError
from recsys.faults import first_fault
from training.sources.config import SourcesConfig


class ValidationSettings(Settings):
    """How the order is chosen.

    Attributes:
        blocks: the factors are refitted at the start of each of so many blocks of time.
        later_share: where enough later queries have a history, only this last share of the events is asked for.
        least_later: so many such queries are enough.
        least: below so many queries the hand-set weights are kept.
        most: at most so many queries are asked; others are left out at random.
        most_ranked: of those, so many are ranked among the whole catalogue to compare rankers; on a large board fewer.
        negatives: postings drawn for each query, uniformly from what it could have been.
        rivals: postings drawn for each query from its pool, what would be listed in the answer's place; trees learn
            from these.
        passed_over: where the lists that were shown are logged, at most so many postings more for each query: those
            that stood in the list its answer was chosen from and were not chosen.
        most_lists: at most so many logged lists are read for the chances of their places and for probabilities.
        diversity: values of ``arrange.diversity`` that evaluation compares; none: it is not measured.
        most_diverse: on so many queries.
        seed: of every random choice.
    """

    blocks: int = Field(4, ge=1, le=20)
    later_share: float = Field(0.3, gt=0, lt=1)
    least_later: int = Field(300, ge=1)
    least: int = Field(200, ge=1)
    most: int = Field(4000, ge=100)
    most_ranked: int = Field(4000, ge=50)
    negatives: int = Field(200, ge=10)
    rivals: int = Field(100, ge=10)
    passed_over: int = Field(20, ge=0)
    most_lists: int = Field(3000, ge=0)
    diversity: tuple[Share, ...] = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7)
    most_diverse: int = Field(1000, ge=50)
    seed: int = 0


class TrainConfig(Settings):
    """One YAML file: where the tables are, how texts are encoded, how the engine works, how it is validated."""

    sources: SourcesConfig = SourcesConfig()
    encoder: EncoderConfig = EncoderConfig()
    engine: EngineSettings = EngineSettings()
    validation: ValidationSettings = ValidationSettings()


def load_config(path: Path | None) -> TrainConfig:
    """The settings in a YAML file; the defaults where no file is given.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or holds a key or value that is not known.
    """
    if path is None:
        return TrainConfig()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(values, dict | None):
        raise ConfigError(f"{path} must be a mapping of settings (sources, encoder, engine, validation)")
    try:
        return TrainConfig.model_validate({} if values is None else values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_fault(error, TrainConfig)}") from None
