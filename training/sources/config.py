"""The ``sources:`` section of a config: which files hold which table, and which column feeds which.

Paths are relative to the data folder. Unknown keys, unknown columns and paths that leave the folder are refused.
"""

import re
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from training.sources.columns import REQUIRED, TABLE_COLUMNS

Format = Literal["csv", "tsv", "json", "jsonl", "parquet", "jsonld", "xml", "jsonresume"]
Scalar = str | int | float | bool

ENDINGS: Final[dict[str, Format]] = {
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".json": "json", ".geojson": "json", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet", ".jsonld": "jsonld", ".html": "jsonld",
    ".htm": "jsonld", ".xml": "xml",
}  # fmt: skip
#: Standard feeds, the table that each brings, and the endings of its files in a folder.
STANDARD: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "jsonld": ("postings", frozenset({".jsonld", ".json", ".jsonl", ".ndjson", ".html", ".htm"})),
    "xml": ("postings", frozenset({".xml"})),
    "jsonresume": ("candidates", frozenset({".json", ".jsonl", ".ndjson"})),
}


def _as_list(value: object) -> object:
    """``value`` as a list, so that one thing may be written without brackets."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _short_column(value: object) -> object:
    """The short form ``title: Position`` means ``title: {column: Position}``."""
    return {"column": value} if isinstance(value, str) else value


def _texts(value: object) -> object:
    """Numbers that YAML made of unquoted texts (-1), among a list or the keys of a map, as texts again."""
    if isinstance(value, dict):
        return {_text(key): to if to is None else _text(to) for key, to in value.items()}
    return [_text(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Lookup = Annotated[dict[str, str | None], BeforeValidator(_texts)]


class Step(_Frozen):
    """One conversion of a text: exactly one of the keys.

    Attributes:
        split: cut the text at this delimiter into words (or, for ``locations``, into places).
        extract: keep what the first group of this regular expression matches (the whole match without a group).
        remove: delete every match of this regular expression.
        replace: ``{find: regular expression, with: text}``.
        map: exact value to new value, null for "missing". A value that is not listed is dropped and recorded.
        map_or_keep: as ``map``, and a value that is not listed stays.
        default: stands where the value is missing.
        money: one part of an amount in words such as "$53K-$91K a year".
        dates: strptime formats, tried in this order before the ISO-like reading; only for times.
        place: one part of a location in words such as "Austin, TX, United States".
        country_first: with ``place``, a word that is both a US state and a country (Georgia, CA) is the country.
        remote: yes, no or unknown from words such as "US Remote", "work from home", "hybrid".
        remote_countries: countries that a remote location names ("Remote - US").
        multiply: number times this.
        mojibake: mend UTF-8 that was once read as Windows-1252 ("â€™" for "’").
    """

    split: str | None = Field(default=None, min_length=1)
    extract: str | None = None
    remove: str | None = None
    replace: "Replace | None" = None
    map: Lookup | None = None
    map_or_keep: Lookup | None = None
    default: str | None = None
    money: Literal["low", "high", "currency", "period"] | None = None
    dates: tuple[str, ...] | None = None
    place: Literal["city", "region", "country"] | None = None
    country_first: bool = False
    remote: Literal[True] | None = None
    remote_countries: Literal[True] | None = None
    multiply: float | None = None
    mojibake: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        given = [
            name for name in type(self).model_fields if name != "country_first" and getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise ValueError(f"a conversion has exactly one key, this one has {given or 'none'}; write a list of steps")
        if self.country_first and self.place is None:
            raise ValueError("country_first goes with place")
        for pattern in (self.extract, self.remove):
            _compiles(pattern)
        return self


class Replace(_Frozen):
    """Each match of the regular expression ``find`` becomes ``with``, which may name groups by backslash and number."""

    find: str
    with_: str = Field(alias="with")

    @model_validator(mode="after")
    def _valid(self) -> Self:
        _compiles(self.find)
        return self


def _compiles(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None


class Column(_Frozen):
    """Where a column's values come from: exactly one of the first five keys, then the conversions in order.

    Attributes:
        column: name of a column of the file; in JSON and Parquet also a path such as ``address.city``.
        columns: several, put together by ``join``, missing ones left out.
        constant: the same value in every row.
        row_number: the row's number in its file, from 1 (with the file's name before it if there are several files).
        file_name: the file's name without folder and ending.
        join: stands between the values of ``columns``.
        first: of ``columns`` take the first that has a value.
        convert: one conversion or a list of them.
    """

    column: str | None = None
    columns: tuple[str, ...] | None = Field(default=None, min_length=1)
    constant: Scalar | None = None
    row_number: Literal[True] | None = None
    file_name: Literal[True] | None = None
    join: str = "\n"
    first: bool = False
    convert: Annotated[tuple[Step, ...], BeforeValidator(_as_list)] = ()

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = ("column", "columns", "constant", "row_number", "file_name")
        given = [name for name in origins if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(origins)}; given: {', '.join(given) or 'none'}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the file that are read for this one."""
        return (self.column,) if self.column is not None else self.columns or ()


class Source(_Frozen):
    """One or several files of the same form that feed one table, or a query to a database.

    Attributes:
        path: path, list of paths, or glob patterns, relative to the data folder; of a standard feed also a folder.
        format: guessed from the ending when absent (``.gz`` may follow all but parquet). ``jsonld``, ``xml`` and
            ``jsonresume`` are standard feeds, which bring the table's own columns (docs/feeds.md).
        records: JSON: where the records are, such as ``data.items`` or ``features[].properties``; XML: what the element
            of a posting is called (``job``).
        url: instead of a path, the SQLAlchemy URL of a database; one with a password had better stand in url_env.
        url_env: the name of an environment variable that holds the URL.
        query: what to ask the database, one SELECT; its columns are those of a file.
        encoding: any that Python knows; left out, a standard feed says it itself.
        delimiter: CSV and TSV only.
        quote: the quoting character; null where quotes mean nothing.
        na_values: texts that stand for "missing".
        columns: the table's column to its origin; absent: the file's columns have the table's names already. Of a
            standard feed only those that differ; an origin is then a column of the table or a path in the feed's own
            words, such as ``identifier.value``.
        repeated_ids: what to do with a further row of the same id (postings and candidates only): ``reject`` it, or
            ``merge`` it (first known value wins, lists are put together). By default rows that bring nothing but
            lists or locations are merged, others rejected.
    """

    path: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    format: Format | None = None
    records: str | None = None
    url: str | None = Field(default=None, min_length=1)
    url_env: str | None = Field(default=None, min_length=1)
    query: str | None = Field(default=None, min_length=1)
    encoding: str = "utf-8"
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default='"', min_length=1, max_length=1)
    na_values: Annotated[frozenset[str], BeforeValidator(_texts)] = frozenset({""})
    columns: dict[str, Annotated[Column, BeforeValidator(_short_column)]] | None = None
    repeated_ids: Literal["reject", "merge"] | None = None

    @model_validator(mode="after")
    def _inside(self) -> Self:
        for path in self.path:
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise ValueError(f"path {path!r} must be relative to the data folder and stay inside it")
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError(f"encoding {self.encoding!r} is not one that Python knows") from None
        return self

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.query is None and (self.url or self.url_env):
            raise ValueError("url and url_env go with query: say what to ask the database")
        if self.query is not None and bool(self.url) == bool(self.url_env):
            raise ValueError("query needs the database's address: give either url or url_env")
        if bool(self.path) == bool(self.query):
            raise ValueError("give either path, or query and the url of its database")
        if len({self.format_of(path) in STANDARD for path in self.path}) > 1:
            raise ValueError("a standard feed and other files need sources of their own")
        return self

    def format_of(self, name: str) -> Format | None:
        """The format of a file of this name: as stated, or as its ending says; None where neither does."""
        return self.format or ENDINGS.get(PurePosixPath(name.removesuffix(".gz")).suffix.lower())

    @property
    def standard(self) -> bool:
        """Whether these files are a standard feed, whose columns are known."""
        return any(self.format_of(path) in STANDARD for path in self.path)

    @property
    def stated_encoding(self) -> str | None:
        """The encoding, where the config states one."""
        return self.encoding if "encoding" in self.model_fields_set else None


Sources = Annotated[tuple[Source, ...], BeforeValidator(_as_list)]


class TableSources(_Frozen):
    """The sources of each table, all of them read in the order given."""

    postings: Sources = ()
    candidates: Sources = ()
    experience: Sources = ()
    events: Sources = ()

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        for table, known in TABLE_COLUMNS.items():
            for source in getattr(self, table):
                _check_columns(table, source, known)
        return self


def _check_columns(table: str, source: Source, known: dict[str, str]) -> None:
    """Refuses columns that the table has not, a missing one, ``dates`` on what is no time, a feed of another table."""
    columns = source.columns
    for form in {str(source.format_of(path)) for path in source.path} & set(STANDARD):
        if STANDARD[form][0] != table:
            raise ValueError(f"{form} is a format of {STANDARD[form][0]}, not of {table}")
    if columns is None:
        return
    if unknown := sorted(set(columns) - set(known)):
        raise ValueError(f"{table} has no column {', '.join(unknown)}; its columns are {', '.join(known)}")
    if missing := [name for name in REQUIRED[table] if name not in columns and not source.standard]:
        raise ValueError(f"a source of {table} must map {', '.join(missing)}")
    for name, column in columns.items():
        if known[name] != "time" and any(step.dates is not None for step in column.convert):
            raise ValueError(f"{table}.{name} is no time, so that `dates` cannot convert it")


class SourcesConfig(_Frozen):
    """What to read.

    Attributes:
        tables: where the tables are; when none is named, the files ``postings.*``, ``candidates.*``,
            ``experience.*`` and ``events.*`` of the data folder, with the table's own column names.
        max_rejected_share: above this share of rejected rows in any table the run stops.
        max_text_chars: longer texts are cut to this many characters.
    """

    tables: TableSources = TableSources()
    max_rejected_share: float = Field(default=0.1, ge=0, le=1)
    max_text_chars: int = Field(default=100_000, ge=100)
