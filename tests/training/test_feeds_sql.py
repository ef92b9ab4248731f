"""Tables that a database gives."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sources_reading import ANY, read
from sqlalchemy import create_engine, make_url, text

from recsys.documents import posting_documents
from recsys.errors import ConfigError, DataError
from training.sources import sql_table
from training.sources.config import Source

ROOT = Path(__file__).parents[2]
QUERY = "SELECT id AS posting_id, title, pay AS salary_min, posted AS date_posted, remote FROM jobs ORDER BY id"
COLUMNS = "(id integer, title text, pay numeric(10,2), posted timestamp, remote boolean)"
ROWS = "(1, 'Cook 100% :now', 12.50, '2024-05-01 10:00:00', true), (2, 'Welder', NULL, NULL, false)"
SAID = [
    {"posting_id": "1", "title": "Cook 100% :now", "salary_min": 12.5, "date_posted": 1_714_557_600.0, "remote": True},
    {"posting_id": "2", "title": "Welder", "remote": False},
]


def fill(url):
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg") if url.startswith("postgresql") else url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE jobs {COLUMNS}"))
        connection.exec_driver_sql(f"INSERT INTO jobs VALUES {ROWS}".replace("%", "%%" if "postgres" in url else "%"))
    engine.dispose()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def board(request, tmp_path):
    return fill(
        f"sqlite:///{tmp_path}/board.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    )


def documents(folder, **source):
    tables, _, _ = read(folder, tables={"postings": {"query": QUERY} | source}, **ANY)
    return list(posting_documents(tables.postings, tables.locations))


def test_a_query_is_a_table(tmp_path, board, monkeypatch):
    monkeypatch.setattr(sql_table, "ROWS", 1)  # several pieces
    assert documents(tmp_path, url=board) == SAID


def test_a_url_from_the_environment(tmp_path, board, monkeypatch):
    monkeypatch.setenv("BOARD_URL", board)
    assert documents(tmp_path, url_env="BOARD_URL") == SAID
    monkeypatch.delenv("BOARD_URL")
    with pytest.raises(ConfigError, match="BOARD_URL is not set"):
        documents(tmp_path, url_env="BOARD_URL")


def test_columns_are_mapped_as_those_of_a_file(tmp_path, board):
    query = "SELECT id, title || ' (100%)' AS name FROM jobs WHERE title LIKE 'C%'"
    columns = {"posting_id": {"column": "id", "convert": {"replace": {"find": "^", "with": "j"}}}, "title": "name"}
    assert documents(tmp_path, url=board, query=query, columns=columns) == [
        {"posting_id": "j1", "title": "Cook 100% :now (100%)"}
    ]
    with pytest.raises(DataError, match="query of postings has no column 'missing'; it has 'id', 'name'"):
        documents(tmp_path, url=board, query=query, columns=columns | {"company": "missing"})


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM jobs", "SELECT * FROM nothing", "SELEC", "DELETE FROM jobs RETURNING id AS posting_id, title"],
)
def test_a_query_that_fails_or_writes_is_one_line(tmp_path, board, query):
    with pytest.raises(DataError, match="the query of postings") as caught:
        documents(tmp_path, url=board, query=query)
    assert "\n" not in str(caught.value)
    assert documents(tmp_path, url=board) == SAID


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("nonsense", ConfigError, "no SQLAlchemy URL"),
        ("nodialect://u:s3cret@h/d", ConfigError, "no such dialect"),
        (
            "postgresql://u:s3cret@127.0.0.1:1/d?connect_timeout=2",
            DataError,
            r"query of postings failed at .*u:\*\*\*@",
        ),
        ("sqlite:///nowhere/missing.db", DataError, "there is no SQLite file nowhere/missing.db"),
        ("mysql+nodriver://u:s3cret@h/d", ConfigError, "no such dialect"),
    ],
)
def test_an_address_that_is_none_is_one_line(tmp_path, url, kind, said):
    with pytest.raises(kind, match=said) as caught:
        documents(tmp_path, url=url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"path": "a.csv", "query": "q", "url": "u"},
        {"query": "q"},
        {"query": "q", "url": "u", "url_env": "E"},
        {"url": "u", "path": "a.csv"},
    ],
)
def test_a_source_is_in_one_place(given):
    with pytest.raises(ValueError, match=r"give either|go with query"):
        Source(**given)


def test_a_large_table_is_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr(sql_table, "ROWS", 10)
    with sqlite3.connect(tmp_path / "b.db") as connection:
        connection.execute("CREATE TABLE jobs (id, title)")
        connection.executemany("INSERT INTO jobs VALUES (?, ?)", ((at, f"t{at}") for at in range(95)))
    source = Source(url=f"sqlite:///{tmp_path}/b.db", query="SELECT id, title FROM jobs ORDER BY id")
    pieces = list(sql_table.sql_pieces(source, "q", sql_table.Wanted(("id",))))
    assert [len(piece.rows) for piece in pieces] == [10] * 9 + [5]
    assert [row for piece in pieces for row in piece.rows] == list(range(1, 96))


WITHOUT = """
import sys
sys.modules["sqlalchemy"] = None
from pathlib import Path
from recsys.errors import MissingExtraError
from training.sources import SourcesConfig, read_tables
config = SourcesConfig(tables={"postings": {"query": "q", "url": "sqlite://"}})
try:
    read_tables(config, Path(sys.argv[1]), Path(sys.argv[1]) / "rejected.parquet")
except MissingExtraError as error:
    print(error)
"""


def test_without_sqlalchemy_the_extra_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "pip install 'jobrec[sql]'" in done.stdout
