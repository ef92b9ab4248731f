import importlib.util
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from recsys.errors import StoreError
from serving.store import Store, Write, migrate
from serving.store.alerts import AlertBook
from serving.store.apply import apply
from serving.store.arrivals import arrived, note_arrivals
from serving.store.connect import make_engine, reading, writing
from serving.store.model import METADATA, REVISIONS
from serving.store.writes import checked


def test_the_steps_lead_to_the_tables_that_the_code_works_with(url):
    assert migrate(url) == list(REVISIONS)
    engine = make_engine(url, 5.0)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_revisions_are_those_in_the_folder():
    config = Config()
    config.set_main_option("script_location", "serving.store:migrations")
    steps = ScriptDirectory.from_config(config).walk_revisions()
    assert [step.revision for step in steps] == list(reversed(REVISIONS))


def test_a_store_that_is_not_migrated_is_refused(url):
    with pytest.raises(StoreError, match="jobrec store migrate"):
        Store.open(url)
    if url.startswith("sqlite"):
        assert not Path(url.removeprefix("sqlite:///")).exists()


def test_an_empty_database_is_refused(sqlite_url):
    Path(sqlite_url.removeprefix("sqlite:///")).touch()
    with pytest.raises(StoreError, match="jobrec store migrate"):
        Store.open(sqlite_url)


def test_a_newer_store_is_refused(url):
    migrate(url)
    engine = make_engine(url, 5.0)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for call in (Store.open, migrate):
        with pytest.raises(StoreError, match=f"9999.*{REVISIONS[-1]}"):
            call(url)


@pytest.mark.parametrize("url", ["", "store.db", "sqlite://", "sqlite:///:memory:", "mysql://host/database"])
def test_what_is_no_address_of_a_store(url):
    with pytest.raises(StoreError):
        Store.open(url)


def test_the_steps_are_importable():
    for revision in REVISIONS:
        assert importlib.util.find_spec(f"serving.store.migrations.versions.r{revision}")


def _as_before_alerts(connection):
    for table in ("finished_runs", "alert_run", "arrivals", "alert_postings", "alert_mails", "alerts"):
        connection.execute(text(f"DROP TABLE {table}"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0004'"))


def test_alerts_wait_for_what_is_written_while_their_tables_are_made(url):
    migrate(url)
    engine = make_engine(url, 5.0)
    with writing(engine) as connection:
        _as_before_alerts(connection)
    with writing(engine) as connection:
        apply(connection, checked([Write("posting", "late", {"posting_id": "late", "title": "Cook"})]), 0.0)
        migration = threading.Thread(target=migrate, args=(url,))
        migration.start()
        migration.join(0.7)
        waits = migration.is_alive()
    migration.join(20)
    assert waits
    assert arrived(engine, -1, 9) == (["late"], [1])
    engine.dispose()


def test_postings_of_an_older_store_have_been_seen(url):
    migrate(url)
    engine = make_engine(url, 5.0)
    posting = {"posting_id": "p", "title": "Cook"}
    with Store.open(url) as store:
        store.write([Write("posting", "p", posting), Write("posting", "q", posting | {"posting_id": "q"})])
        store.write([Write("posting_gone", "q"), Write("posting", "r", posting | {"posting_id": "r"})])
        secret = AlertBook(store).secret
    with writing(engine) as connection:
        _as_before_alerts(connection)
        connection.execute(text("DELETE FROM changes WHERE position = 1"))  # its log pruned
    assert migrate(url) == ["0005", "0006"]
    assert arrived(engine, -1, 9) == (["p", "q", "r"], [0, 2, 4])
    with Store.open(url) as store:
        store.write([Write("posting", "q", posting | {"posting_id": "q"})])
        store.write([Write("posting", "s", posting | {"posting_id": "s"})])
        with writing(engine) as connection:
            note_arrivals(connection, store.head())
        assert arrived(engine, 4, 9) == (["s"], [6])
        assert AlertBook(store).secret != secret
    engine.dispose()
