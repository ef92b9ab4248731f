"""The evaluation as text, Markdown and JSON."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from small_evaluation import measured

from recsys.errors import DataError
from training.report import Report
from training.summarise import summarise
from training.summary import MEASURES, Learned


@pytest.fixture(scope="module")
def report() -> Report:
    weights = {f"signal_{at:02d}": (at - 3.0, at - 3.0) for at in range(20)}
    return Report(summarise(measured(), [Learned("linear", "weight", weights)]))


def tables(text: str) -> list[list[list[str]]]:
    """Cells of the Markdown tables, without the line under the head."""
    found = re.findall(r"(?:^\|.*\|$\n?)+", text, re.M)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in one.splitlines() if "---" not in line]
        for one in found
    ]


def test_the_terminal_shows_the_two_chosen_measures_first_and_fits(report):
    lines = report.text().splitlines()
    first = tables(report.text())[0]
    assert first[0][:3] == ["order by", "hit@10", "nDCG@10"]
    assert first[1][0] == "engine"
    assert first[1][1].startswith("0.667 [")
    width = [len(line) for line in lines[: lines.index("## The engine against others")] if line.startswith("|")]
    assert max(width) <= 120


def test_systems_stand_by_kind_and_then_by_figure(report):
    names = [line[0] for line in tables(report.text())[0][1:]]
    assert names == ["engine", "linear", "without text", "near", "alike", "popularity alone"]


def test_what_the_demo_greps_stands_before_the_second_heading(report):
    """``make demo`` prints lines of the first table that name these, up to the second heading."""
    head, first, *_ = re.split(r"^## ", report.text(), flags=re.M)
    assert not re.search(r"order by|engine|title_any|near_any|alone", head)
    shown = [line for line in first.splitlines() if re.search(r"^\|-|order by|engine|alone", line)]
    assert [line.split("|")[1].strip(" -") for line in shown] == ["order by", "", "engine", "popularity alone"]


def test_markdown_has_every_measure_with_its_interval(report):
    first = tables(report.markdown())[0]
    assert len(first[0]) == 1 + len(MEASURES) + 3
    assert all(re.fullmatch(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", cell) for cell in first[1][1 : 1 + len(MEASURES)])
    assert report.markdown().startswith("# Evaluation\n")


def test_the_terminal_shows_the_heaviest_signals_and_markdown_all(report):
    short, long = tables(report.text())[-1], tables(report.markdown())[-1]
    assert [line[0] for line in short[1:4]] == ["signal_19", "signal_18", "signal_17"]
    assert len(short) == 1 + 12
    assert len(long) == 1 + 19  # the one without any weight is left out
    assert ["signal_00", "-3.000", "-3.000", "-3.000"] in long


def test_later_tables_of_the_terminal_are_shorter():
    one = measured(dated=False)
    names = tuple(f"signal_{at}" for at in range(8))
    systems = replace(one.systems, names=(*one.systems.names, *names), kinds=(*one.systems.kinds, *(["single"] * 8)))
    more = {
        name: np.concatenate([getattr(one, name), np.repeat(getattr(one, name)[3:4], 8, axis=0)])
        for name in ("place", "top", "percentile", "km")
    }
    text = Report(summarise(replace(one, systems=systems, **more))).text()
    first, second, *_ = tables(text)
    assert len(first) == 1 + 14
    assert [line[0] for line in second[1:]][:2] == ["engine", "linear"]
    assert len(second) == 1 + 3 + 3  # engine, linear, popularity; three single signals
    assert "without text" not in str(second)


def test_json_is_json_and_says_null_where_nothing_is_known(report, tmp_path):
    nothing = np.full((6, 240), np.nan, np.float32)
    one = Report(summarise(replace(measured(), percentile=nothing)))
    one.write(tmp_path / "report")
    found = json.loads((tmp_path / "report" / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert found["popularity"][1]["percentile"] == [None, None, None]
    assert found["tables"]["all (240 queries)"][0]["figures"]["hit@50"] == [1.0, 1.0, 1.0]
    assert found["order"] == "linear"
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "evaluation.md", "evaluation.json", "report.html",
    }  # fmt: skip


def test_a_folder_that_cannot_be_written_is_one_clear_line(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file cannot be written: "):
        report.write(tmp_path / "file")
