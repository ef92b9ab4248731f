"""The settings of ``jobrec adapt-encoder``, read from one YAML file of its own."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from recsys.config import Settings
from recsys.encode import EncoderConfig
from recsys.errors import ConfigError
from recsys.faults import first_fault
from training.sources.config import Format, Source, SourcesConfig


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


class TitleFile(Settings):
    """A file whose rows say which titles mean the same work: one group a row, or several rows a group.

    Attributes:
        path: relative to the data folder.
        name: files of the same name share their groups; absent: the path. It also names the line of the record.
        group: column whose value says which group a row belongs to; absent: the value of ``title``.
        title: column with the group's main title. A file of pairs has its left side here.
        also: columns with further titles of the group; a cell may hold several. A pair's right side stands here.
        text: column with a description of the work, whose first sentence is used.
        split: what stands between the titles of one cell of ``also``.
        format, encoding, delimiter, quote: as in ``sources``.
    """

    path: str
    name: str | None = None
    group: str | None = None
    title: str | None = None
    also: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    text: str | None = None
    split: str = Field("\n", min_length=1)
    format: Format | None = None
    encoding: str = "utf-8"
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    quote: str | None = Field('"', min_length=1, max_length=1)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if PurePosixPath(self.path).is_absolute() or ".." in PurePosixPath(self.path).parts:
            raise ValueError(f"path {self.path!r} must be relative to the data folder and stay inside it")
        if self.title is None and self.group is None:
            raise ValueError("give `title`, `group` or both: something must say which titles belong together")
        if self.title is None and not self.also:
            raise ValueError("give `title` or `also`: there is no column with titles")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the file that are read."""
        named = (self.group, self.title, *self.also, self.text)
        return tuple(dict.fromkeys(one for one in named if one is not None))

    def source(self) -> Source:
        """How the readers of tables are told of this file."""
        return Source.model_validate(
            {"path": self.path, **{key: getattr(self, key) for key in ("format", "encoding", "delimiter", "quote")}}
        )


class EventTitles(Settings):
    """Titles that meet in one candidate's history: of postings looked at or applied to, wanted, held.

    Attributes:
        use: whether the board's own tables (``sources``) are read for it.
        earlier_share: only this first share of the events, by time. Training a bundle validates on the last ones, and
            an encoder that had seen them would flatter its figures.
        kinds: events that say "this is my kind of work".
        most: candidates with more distinct titles are left out: they look at everything.
    """

    use: bool = False
    earlier_share: float = Field(0.7, gt=0, le=1)
    kinds: tuple[Literal["view", "save", "apply", "hire"], ...] = ("view", "save", "apply", "hire")
    most: int = Field(30, ge=2)


class PairSettings(Settings):
    """How pairs are drawn from groups, anew in each pass.

    Attributes:
        main_share: so often the other side is the group's main title, else any other of its titles.
        text_share: for so many titles of a group with a description, a further pair with its first sentence.
        most: of a larger group, so many titles in each pass.
        noise: share of left sides that are changed as titles on boards are: lower case, a level, hours, a city, a
            word left out.
    """

    main_share: float = Field(0.6, ge=0, le=1)
    text_share: float = Field(0.05, ge=0, le=1)
    most: int = Field(40, ge=2)
    noise: float = Field(0.3, ge=0, le=1)


class LearningSettings(Settings):
    """How it is trained.

    Attributes:
        passes: over all groups.
        steps: at most so many batches; null: as many as the passes give.
        batch_size: pairs in a batch; each is an example against all others of it.
        learning_rate: at its highest; null: 5e-5 for a transformer, 2e-2 for a static model.
        warmup: share of the steps in which it rises; then it falls to 0 in a straight line.
        scale: cosines are multiplied by this before the softmax.
        max_tokens: titles are cut after so many tokens in training (the adapted model reads as many as before).
        threads: processor threads; null leaves torch's own choice.
        precision: "auto" takes bfloat16 where the processor computes in it, for transformers only.
        seed: of every random choice.
    """

    passes: int = Field(2, ge=1)
    steps: int | None = Field(None, ge=1)
    batch_size: int = Field(256, ge=2)
    learning_rate: float | None = Field(None, gt=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    scale: float = Field(20.0, gt=0)
    max_tokens: int = Field(16, ge=8)
    threads: int | None = Field(None, ge=1)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: int = 0


class HoldOutSettings(Settings):
    """How it is judged while it is trained: on groups that training never sees.

    Attributes:
        share: of the groups is held out.
        seed: of the choice. Leave it as it is when an adapted model is trained further: groups once held out stay so.
        most: at most so many titles of each name are asked for.
        every: a checkpoint is written and judged after so many steps; null: ten times a run.
    """

    share: float = Field(0.08, gt=0, lt=0.5)
    seed: int = 0
    most: int = Field(1500, ge=10)
    every: int | None = Field(None, ge=1)


class AdaptConfig(Settings):
    """One YAML file: which model, from which titles, how."""

    encoder: EncoderConfig = EncoderConfig()
    titles: tuple[TitleFile, ...] = ()
    events: EventTitles = EventTitles()
    sources: SourcesConfig = SourcesConfig()
    pairs: PairSettings = PairSettings()
    learning: LearningSettings = LearningSettings()
    hold_out: HoldOutSettings = HoldOutSettings()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.titles and not self.events.use:
            raise ValueError("name files in `titles`, or set `events.use` to true: there is nothing to learn from")
        return self


def load_adapt_config(path: Path) -> AdaptConfig:
    """The settings in a YAML file.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or holds a key or value that is not known.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())[:300]}") from None
    try:
        return AdaptConfig.model_validate(values or {})
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_fault(error, AdaptConfig)}") from None
