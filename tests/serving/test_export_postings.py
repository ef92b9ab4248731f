"""The export of candidates for postings says what single answers say."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from jobrec import main
from recsys.errors import DataError
from serving.export_postings import export_postings


def test_every_open_posting_has_the_list_that_it_is_answered_alone(scorer, tmp_path):
    rows = export_postings(scorer, tmp_path / "out.parquet", 3)
    table = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert rows == len(table)
    open_ids = scorer.engine.catalogue.ids.names(np.flatnonzero(scorer.engine.catalogue.open)).tolist()
    assert set(table["posting_id"]) <= set(open_ids)
    for posting in open_ids[:4]:
        mine = table[table["posting_id"] == posting]
        lines = scorer.candidates_for(posting, 3, scorer.as_of)
        assert mine["candidate_id"].tolist() == [one.candidate_id for one in lines]
        assert mine["together"].tolist() == [one.together for one in lines]


def test_a_file_that_cannot_be_written_is_one_clear_error(scorer, tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        export_postings(scorer, tmp_path / "missing" / "out.parquet", 3)


def test_the_command_prints_and_exports(market, scorer, tmp_path, capsys):
    posting = str(scorer.engine.catalogue.ids.names(np.flatnonzero(scorer.engine.catalogue.open)[:1])[0])
    assert main(["candidates", "--bundle", str(market.bundle), "--posting", posting, "-k", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one["rank"] for one in said["candidates"]] == [1, 2]
    out = str(tmp_path / "lists.parquet")
    assert main(["export", "--for", "postings", "--bundle", str(market.bundle), "--out", out, "-k", "2"]) == 0
    assert main(["candidates", "--bundle", str(market.bundle), "--posting", "never-there"]) == 2
