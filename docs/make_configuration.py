"""Writes ``docs/configuration.md`` and, in ``configs``, ``default``, ``serve`` and ``alerts.yaml`` from classes.

    python docs/make_configuration.py

A test compares the files with what this gives, so that a setting without a word of explanation is noticed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from serving.alerts.settings import AlertSettings
from serving.config import ServeConfig
from training.adapt.config import AdaptConfig, TitleFile
from training.config import TrainConfig
from training.sources.columns import REQUIRED, TABLE_COLUMNS
from training.sources.config import Column, Replace, Source, SourcesConfig, Step, TableSources

ROOT = Path(__file__).resolve().parent.parent
#: Described below the other settings: they repeat, once for each file, column or step.
REPEATED: dict[str, type[BaseModel]] = {
    "A source, below `sources.tables.postings` and so on": Source,
    "A column, below `columns` of a source": Column,
    "A conversion, below `convert` of a column": Step,
    "`replace` of a conversion": Replace,
}


@dataclass(frozen=True)
class Setting:
    """One line of a settings table."""

    name: str
    default: Any
    allowed: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """One settings class: where it stands in the file, what its docstring says, its settings and sections below."""

    path: tuple[str, ...]
    summary: str
    settings: tuple[Setting, ...]
    below: tuple["Section", ...]

    def walk(self) -> Iterator["Section"]:
        """This section and all below, in the order of the file."""
        yield self
        for one in self.below:
            yield from one.walk()


def meanings(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """The docstring's text above "Attributes:", and what it says there of each attribute."""
    summary, _, listed = (model.__doc__ or "").partition("Attributes:")
    found: dict[str, str] = {}
    for part in re.split(r"\n {8}(?=\S)", listed)[1:]:
        names, _, meaning = " ".join(part.split()).partition(": ")
        # Where Python says None and ``code``, YAML and Markdown say null and `code`.
        found |= dict.fromkeys(names.split(", "), re.sub(r"\bNone\b", "null", meaning).replace("``", "`"))
    return " ".join(summary.split()).replace("``", "`"), found


def section(model: type[BaseModel], path: tuple[str, ...] = (), default_of: Any = None) -> Section:
    """A settings class and all that it holds; where the class above gives an instance, with that one's values."""
    summary, said = meanings(model)
    settings, below = [], []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            below.append(section(kind, (*path, name), field.default))
        else:
            default: Any = "required" if field.is_required() else field.get_default(call_default_factory=True)
            if isinstance(default_of, model):
                default = getattr(default_of, name)
            # Where a class explains no attribute, its first words are meant for all of them.
            meaning = said.get(name, "" if said else summary)
            settings.append(Setting(field.alias or name, default, _allowed(field), meaning))
    return Section(path, summary, tuple(settings), tuple(below))


def _allowed(field: FieldInfo) -> str:
    """The bounds, or the values that may be chosen."""
    choices = [one for part in (field.annotation, *get_args(field.annotation)) for one in _choices(part)]
    if choices:
        return ", ".join(f"`{one}`" for one in choices)
    signs = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}
    found = [field, *(part for part in get_args(field.annotation) if isinstance(part, FieldInfo))]
    bounds = []
    for rule in [rule for one in found for rule in one.metadata]:
        for part in getattr(rule, "metadata", [rule]):
            bounds += [f"{sign} {getattr(part, key)}" for kind, (key, sign) in signs.items() if isinstance(part, kind)]
    return ", ".join(bounds)


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal and get_args(kind) != (True,) else ()


def settings_tree() -> Section:
    """The whole configuration; the tables of ``sources`` are described apart."""
    tree = section(TrainConfig)
    sources, *others = tree.below
    tables = Setting("tables", TableSources(), "", meanings(SourcesConfig)[1]["tables"])
    plain = Section(sources.path, sources.summary, (tables, *sources.settings), ())
    return Section(tree.path, tree.summary, tree.settings, (plain, *others))


def adapt_tree() -> Section:
    """The settings of ``jobrec adapt-encoder`` that those of training do not hold."""
    tree = section(AdaptConfig)
    below = tuple(one for one in tree.below if one.path not in (("encoder",), ("sources",)))
    return Section((), tree.summary, (), (section(TitleFile, ("titles",)), *below))


def markdown() -> str:
    """The text of ``docs/configuration.md``."""
    lines = [
        "# Configuration",
        "",
        "One YAML file for `jobrec train` and `jobrec evaluate`. Every setting may be left out; `configs/default.yaml`",
        "holds all of them with their defaults. An unknown key is an error. This page is written by",
        "`python docs/make_configuration.py` from the settings classes.",
    ]
    for one in settings_tree().walk():
        if one.settings:
            lines += ["", f"## `{'.'.join(one.path)}`", "", one.summary, "", *_table(one.settings, one.summary)]
    lines += ["", "# Sources", "", *_words_on_sources()]
    for title, model in REPEATED.items():
        one = section(model)
        lines += ["", f"## {title}", "", one.summary, "", *_table(one.settings, one.summary)]
    lines += ["", "# Adapting an encoder", "", *_words_on_adapting()]
    for one in adapt_tree().below:
        lines += ["", f"## `{'.'.join(one.path)}`", "", one.summary, "", *_table(one.settings, one.summary)]
    lines += ["", "# The service", "", *_WORDS_ON_SERVING]
    for one in section(ServeConfig).walk():
        if one.settings:
            name = f"`{'.'.join(one.path)}`" if one.path else "Processes"
            lines += ["", f"## {name}", "", one.summary, "", *_table(one.settings, one.summary)]
    lines += ["", "# Alerts", "", *_WORDS_ON_ALERTS]
    for one in section(AlertSettings).walk():
        name = f"`{'.'.join(one.path)}`" if one.path else "Mails"
        lines += ["", f"## {name}", "", one.summary, "", *_table(one.settings, one.summary)]
    return "\n".join(lines) + "\n"


def _table(settings: tuple[Setting, ...], summary: str) -> list[str]:
    lines = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    for one in settings:
        default = "required" if one.default == "required" else f"`{_flow(one.default)}`"
        meaning = "as said above" if one.meaning == summary else one.meaning
        cells = (f"`{one.name}`", default, one.allowed, meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _words_on_sources() -> list[str]:
    lines = ["The columns of each table (a required one has a star), and the kind of value that is read:", ""]
    for table, columns in TABLE_COLUMNS.items():
        named = [f"`{name}`{'*' if name in REQUIRED[table] else ''} ({kind})" for name, kind in columns.items()]
        lines.append(f"- **{table}**: {', '.join(named)}")
    return lines


_WORDS_ON_SERVING = (
    "`jobrec serve --config` reads a YAML file of its own; `configs/serve.yaml` holds every setting with its default.",
    "[service.md](service.md) says what they are for. `http.engine`, `http.texts`, `http.store`, `http.waits` and",
    "`http.public` are the lanes of work, each with its own threads and queue.",
)


_WORDS_ON_ALERTS = (
    "`jobrec alerts run --config` reads a YAML file of its own; `configs/alerts.yaml` holds every setting with its",
    "default. [alerts.md](alerts.md) says what they are for.",
)


def _words_on_adapting() -> list[str]:
    return [
        "`jobrec adapt-encoder` has a YAML file of its own, such as `configs/adapt_titles.yaml`. `encoder` says where",
        "it starts, `sources` where the board's tables are, if `events.use` asks for them: both as above. `titles` is",
        "a list of files.",
    ]


def _plain(value: Any) -> Any:
    """A default as YAML writes it."""
    if isinstance(value, BaseModel):
        return {name: _plain(one) for name, one in value if one != ()}
    return sorted(value) if isinstance(value, frozenset) else list(value) if isinstance(value, tuple) else value


def _flow(value: Any) -> str:
    if value == "\n":
        return '"\\n"'
    written = yaml.safe_dump(_plain(value), default_flow_style=True, width=1000)
    return written.removesuffix("...\n").strip()


def default_yaml() -> str:
    """The text of ``configs/default.yaml``."""
    return _yaml(settings_tree())


def serve_yaml() -> str:
    """The text of ``configs/serve.yaml``."""
    return _yaml(section(ServeConfig))


def alerts_yaml() -> str:
    """The text of ``configs/alerts.yaml``."""
    return _yaml(section(AlertSettings))


def _yaml(tree: Section) -> str:
    lines = ["# Every setting with its default. Written by `python docs/make_configuration.py`."]
    for one in tree.walk():
        depth = len(one.path)
        if depth:
            lines += [""] * (depth == 1) + [f"{'  ' * (depth - 1)}{one.path[-1]}:"]
        shared = len({setting.meaning for setting in one.settings}) == 1 and len(one.settings) > 1
        if shared:
            lines.append(f"{'  ' * depth}# {one.summary}")
        for setting in one.settings:
            written = f"{'  ' * depth}{setting.name}: {_flow(setting.default)}"
            lines += [written] if shared else [*_comment(setting.meaning, depth), written]
    return "\n".join(lines) + "\n"


def _comment(text: str, depth: int) -> list[str]:
    indent = "  " * depth + "# "
    words, lines = text.split(" "), [""]
    for word in words:
        if len(indent + lines[-1]) + len(word) > 118:
            lines.append("")
        lines[-1] += word + " "
    return [indent + line.rstrip() for line in lines]


if __name__ == "__main__":
    (ROOT / "docs" / "configuration.md").write_text(markdown(), encoding="utf-8")
    (ROOT / "configs" / "default.yaml").write_text(default_yaml(), encoding="utf-8")
    (ROOT / "configs" / "serve.yaml").write_text(serve_yaml(), encoding="utf-8")
    (ROOT / "configs" / "alerts.yaml").write_text(alerts_yaml(), encoding="utf-8")
