"""The HTML page: it stands alone, and shows what the JSON holds."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from small_evaluation import measured

from training import figures
from training.measured import Probabilities
from training.page import page
from training.report import NO_IMPRESSIONS, NO_PROBABILITIES, Report
from training.summarise import summarise
from training.summary import Learned

LEARNED = (
    Learned("linear", "weight", {"near": (0.5, 0.7), "alike": (-0.2, -0.1), "idle": (0.0, 0.0)}),
    Learned("trees", "gain", {"near": (0.6, 0.7), "alike": (0.4, 0.3), "idle": (0.0, 0.0)}),
)


def probabilities() -> Probabilities:
    rng = np.random.default_rng(0)
    predicted = rng.uniform(0, 0.5, 2000)
    return Probabilities(predicted, rng.random(2000) < predicted)


class Read(HTMLParser):
    """Tags, addresses and table cells of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.cells: list[str] = []
        self.classes: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        values = dict(attrs)
        self.addresses += [values[one] for one in ("href", "src", "xlink:href", "action", "data") if one in values]
        self.addresses += re.findall(r"url\(([^)]*)\)", " ".join(str(value) for _, value in attrs))
        self.ids += [values["id"]] if "id" in values else []
        if tag == "tr":
            self.classes.append(values.get("class", ""))
        if tag not in ("meta", "link", "br", "img", "use", "path", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


def read(text: str) -> Read:
    found = Read()
    found.feed(text)
    return found


@pytest.fixture(scope="module")
def report() -> Report:
    return Report(summarise(measured(360), LEARNED, probabilities()))


@pytest.fixture(scope="module")
def text(report) -> str:
    return page(report)


def test_the_page_asks_nobody_for_anything(text):
    found = read(text)
    assert text.startswith("<!DOCTYPE html>")
    assert found.open == []
    assert "://" not in text
    assert "@import" not in text
    assert not set(found.counts) & {"script", "link", "iframe", "img", "object", "embed", "base"}
    assert found.addresses
    assert {address[0] for address in found.addresses} == {"#"}
    assert {address[1:] for address in found.addresses} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))


def test_the_page_shows_every_figure_of_the_json(report, text):
    cells = set(read(text).cells)
    document = report.document()
    for rows in document["tables"].values():
        for row in rows:
            assert row["name"] in cells
            for mean, low, high in row["figures"].values():
                assert f"{mean:.3f} [{low:.3f}, {high:.3f}]" in cells
    for one in document["slices"]:
        assert f"{one['family']}: {one['name']}" in cells
        for mean, low, high, _ in one["differences"].values():
            assert f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]" in cells
    for part in document["losses"]:
        for count in part["counts"].values():
            assert f"{count} ({count / sum(part['counts'].values()):.1%})" in cells
    for one in document["popularity"]:
        assert "{:.3f} [{:.3f}, {:.3f}]".format(*one["percentile"]) in cells
    for one in document["distances"]:
        assert {f"{km:.1f}" for km in one["quantiles"].values()} <= cells
    assert f"{document['reliability']['ece']:.4f}" in text
    assert {"+0.600", "-0.150", "+0.650"} <= cells  # means of the folds


def test_there_is_a_figure_for_each_question(text):
    found = read(text)
    assert found.counts["svg"] == 8  # systems, slices, losses, popularity, distances, two rankers, probabilities
    assert found.counts["figcaption"] == 8
    assert {"engine", "below", "above", "too few"} <= set(found.classes)


def test_a_slice_that_is_below_is_flagged(report, text):
    below = [one for one in report.summary.slices if one.verdict == "below"]
    assert below
    assert read(text).classes.count("below") == len(below)
    assert "BELOW" in read(text).cells


def test_without_impressions_there_are_no_probabilities(text):
    plain = page(Report(summarise(measured(), LEARNED)))
    assert NO_IMPRESSIONS in plain
    assert NO_IMPRESSIONS not in text
    assert read(plain).counts["svg"] == 7
    assert NO_PROBABILITIES in Report(summarise(measured(), impressions=True)).text()


def test_the_same_report_gives_the_same_figures(report, text):
    assert figures.losses(report.summary) in text
    assert figures.slices(report.summary) in text


@pytest.mark.parametrize(("queries", "dated"), [(0, True), (0, False), (1, True), (3, False)])
def test_a_short_board_has_a_page_too(queries, dated):
    short = Report(summarise(measured(queries, dated)))
    found = read(page(short))
    assert found.open == []
    assert ("svg" in found.counts) == (queries > 0)


def test_what_is_unknown_everywhere_leaves_figures_out():
    one = measured(6)
    nothing = np.full((6, 6), np.nan, np.float32)
    bare = replace(
        one,
        place=np.zeros_like(one.place),
        top=np.full_like(one.top, -1),
        percentile=nothing,
        km=np.full(one.top.shape, np.nan, np.float32),
    )
    report = Report(summarise(bare))
    assert report.document()["tables"]["all (6 queries)"] == []
    assert read(page(report)).open == []


def test_texts_are_escaped():
    region = np.where(np.arange(240) < 200, "<b>A&B</b>", "other").astype(object)
    shown = page(Report(summarise(replace(measured(), region=region))))
    assert "<b>A&B" not in shown
    assert "region: &lt;b&gt;A&amp;B&lt;/b&gt;" in shown
