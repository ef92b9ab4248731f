"""The configs that ship, on the files they are made for (where the environment names their folder)."""

import os
from pathlib import Path

import pytest
import yaml

from training.sources import SourcesConfig, read_tables

CONFIGS = Path(__file__).parents[2] / "configs"
#: Config to folder, rows read, rows kept, and columns that must be known in most rows.
POSTINGS = {
    "jobviews": ("jobviews", 7047, 7047, ["company", "title"]),
    "google": ("postings", 1250, 1250, ["description", "occupation"]),
    "glassdoor": ("postings", 956, 956, ["description", "company", "salary_min", "salary_max", "salary_period"]),
    "indeed": ("postings", 547, 545, ["description"]),
    "nyc": ("postings", 3843, 2100, ["salary_min", "salary_max", "salary_period", "date_posted", "employment_type"]),
    "armenia": ("postings", 489, 489, ["description", "date_posted", "valid_through"]),
    "open_jobs": ("postings", 833, 833, ["company", "date_posted", "url"]),
}


def config_of(name: str) -> SourcesConfig:
    return SourcesConfig(**yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())["sources"])


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("JOBREC_DATA")
    if not folder:
        pytest.skip("JOBREC_DATA names no folder with the public files")
    return Path(folder)


@pytest.mark.parametrize("name", POSTINGS)
def test_the_config_is_valid(name):
    assert config_of(name).tables.postings


@pytest.mark.parametrize("name", POSTINGS)
def test_postings(name, data, tmp_path):
    folder, read, kept, known = POSTINGS[name]
    tables, summary = read_tables(config_of(name), data / folder, tmp_path / "rejected.parquet")
    assert (summary.tables["postings"].read, summary.tables["postings"].kept) == (read, kept)
    assert len(tables.postings) == kept
    assert (tables.postings[known].notna().mean() > 0.75).all()
    placed = tables.locations["posting"].nunique() / kept
    assert placed > 0.9
    for column in ("title", "description", "company", "occupation", "extra"):
        assert not tables.postings[column].str.contains("_x000D_|â€", regex=True, na=False).any()


def test_jobviews(data, tmp_path):
    tables, summary = read_tables(config_of("jobviews"), data / "jobviews", tmp_path / "rejected.parquet")
    assert len(tables.candidates) == 7037
    assert len(tables.experience) == 8653
    assert len(tables.events) == 11_215
    assert tables.candidates["desired_titles"].str.split("\n").explode().notna().sum() > 6000
    assert not any(table.rejected for table in summary.tables.values())
