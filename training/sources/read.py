"""Reads all tables of a customer."""

from pathlib import Path
from typing import Final

from recsys.errors import DataError
from recsys.schema import Tables
from training.sources.config import ENDINGS, STANDARD, Source, SourcesConfig, TableSources
from training.sources.entities import EntityTable, main_sources_first
from training.sources.events import EventTable
from training.sources.experience import ExperienceTable
from training.sources.mapping import TableReader
from training.sources.rejects import ReadSummary, Rejects

_TABLES: Final = ("postings", "candidates", "experience", "events")


def read_tables(
    config: SourcesConfig, data: Path, rejected: Path, need_postings: bool = True
) -> tuple[Tables, ReadSummary]:
    """Reads and checks a customer's files.

    A row that cannot be used never stops the run: it is written to ``rejected`` (table, file, row from 1, column,
    reason, value, action) and counted. An optional value that cannot be used is set to missing and written there too.

    Args:
        config: the ``sources:`` section.
        data: the folder that its paths are relative to.
        rejected: the Parquet file to write; it is written even if this raises.
        need_postings: no posting at all is an error.

    Returns:
        the tables, see ``recsys.schema.Tables``, and the counts.

    Raises:
        DataError: a file is missing, damaged or empty, lacks a mapped column, no posting is left, or more than
            ``config.max_rejected_share`` of a table's rows were rejected.
        ConfigError: the format of a file is not clear.
    """
    if not data.is_dir():
        raise DataError(f"the data folder {data} does not exist")
    sources = _sources(config, data)
    if sources == TableSources() or (need_postings and not sources.postings):
        raise DataError(f"there is no table of postings: name one in `sources`, or put a file postings.* into {data}")
    with Rejects(rejected) as rejects:
        postings, candidates = EntityTable("postings"), EntityTable("candidates")
        experience = ExperienceTable(candidates.ids)
        events = EventTable(postings.ids, candidates.ids, rejects)

        def reader(table: str, source: Source) -> TableReader:
            return TableReader(table, source, config, data, rejects)

        for source in main_sources_first("postings", sources.postings):
            postings.read(source, reader("postings", source))
        rejects.check_share("postings", config.max_rejected_share)
        if need_postings and not len(postings.ids):
            raise DataError("no posting is left to recommend: every file of postings is empty")
        for source in sources.candidates:
            candidates.read(source, reader("candidates", source))
        profiles = len(candidates.ids)
        for source in (*sources.experience, *_resumes(sources)):
            experience.read(reader("experience", source))
        for source in sources.events:
            events.read(reader("events", source))
        known = events.events()
        if more := len(candidates.ids) - profiles:
            rejects.table("candidates").notes.append(f"{more:,} further candidates are named by experience or events")
        for table in _TABLES[1:]:
            rejects.check_share(table, config.max_rejected_share)
        tables = Tables(postings.frame(), postings.locations(), candidates.frame(), experience.frame(), known)
        return tables, rejects.summary


def _resumes(sources: TableSources) -> list[Source]:
    """The sources of candidates that hold their experience as well, as sources of that."""
    found = []
    for source in sources.candidates:
        if source.standard:
            own = {name: column for name, column in (source.columns or {}).items() if name == "candidate_id"}
            found.append(source.model_copy(update={"columns": own}))
    return found


def _sources(config: SourcesConfig, data: Path) -> TableSources:
    """The configured sources, or those that lie in the data folder under the tables' own names."""
    if config.tables != TableSources():
        return config.tables
    found = {}
    for table in _TABLES:
        paths = [path.name for path in sorted(data.glob(f"{table}.*")) if _may_hold(table, path)]
        if len(paths) > 1:
            raise DataError(f"{data} holds {' and '.join(paths)}: say in `sources` which of them is the table {table}")
        found[table] = tuple(Source(path=(path,)) for path in paths)
    return TableSources(**found)


def _may_hold(table: str, path: Path) -> bool:
    """Whether a file's ending is that of a format which the table can have."""
    known = ENDINGS.get(path.suffix.lower())
    return path.suffix.lower() == ".gz" or (known is not None and STANDARD.get(known, (table,))[0] == table)
