"""The figures of the report, as SVG texts that stand inside an HTML page. matplotlib is imported when one is drawn."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from training.report import TITLES, ordered
from training.summary import JUDGED, Learned, Reliability, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _QUIET = "#1d2733", "#8a97a5"
_KINDS = {"engine": "#1f6fb4", "ranker": "#5b9bd0", "ablation": "#a9c9e4", "single": "#8a97a5", "baseline": "#c98a3b"}
_VERDICTS = {"above": "#2a8a52", "level": "#8a97a5", "below": "#c23b3b"}
_STAGES = ("#1f6fb4", "#7fb2dc", "#b9d5ec", "#f0c987", "#dd9a46", "#c23b3b", "#6d4a7f")
_SINGLES, _SIGNALS = 10, 25


def systems(summary: Summary) -> str:
    """hit@10 and nDCG@10 with intervals: the engine, rankers, the best single signals, baselines."""
    rows = ordered(next(iter(summary.tables.values()), ()))
    singles = [row for row in rows if row.kind == "single"][:_SINGLES]
    shown = [row for row in rows if row.kind != "single" or row in singles]
    if not shown:
        return ""
    figure, axes = _panels(1, 2, height=0.26 * len(shown) + 0.9)
    names = [row.name for row in shown]
    for axis, measure in zip(axes, JUDGED, strict=True):
        colours = [_KINDS[row.kind] for row in shown]
        _intervals(axis, names, [row.figures[measure] for row in shown], colours)
        axis.set_xlabel(TITLES[measure])
        axis.set_xlim(left=0)
    axes[1].set_yticklabels([])
    return _svg(figure, "systems")


def slices(summary: Summary) -> str:
    """The engine minus the best single signal of each slice that has a verdict, with intervals."""
    shown = [one for one in summary.slices if one.verdict != "too few"]
    if not shown:
        return ""
    figure, axes = _panels(1, 2, height=0.26 * len(shown) + 0.9)
    names = [f"{one.family}: {one.name} ({one.queries})" for one in shown]
    for axis, measure in zip(axes, JUDGED, strict=True):
        colours = [_VERDICTS[one.verdict] for one in shown]
        _intervals(axis, names, [one.differences[measure][:3] for one in shown], colours)
        axis.axvline(0, color=_INK, linewidth=0.8)
        axis.set_xlabel(f"{TITLES[measure]}: engine minus best single signal")
    axes[1].set_yticklabels([])
    return _svg(figure, "slices")


def losses(summary: Summary) -> str:
    """What became of the answers: a stacked bar for each part of the queries."""
    if not summary.losses:
        return ""
    figure, (axis,) = _panels(1, 1, height=0.45 * len(summary.losses) + 1.5)
    names = [one.name for one in summary.losses]
    left = np.zeros(len(names))
    for stage, colour in zip(summary.losses[0].counts, _STAGES, strict=True):
        share = np.array([one.counts[stage] / sum(one.counts.values()) for one in summary.losses])
        bars = axis.barh(np.arange(len(names)), share, left=left, color=colour, label=stage, height=0.6)
        axis.bar_label(bars, [f"{one:.0%}" if one >= 0.03 else "" for one in share], label_type="center", fontsize=8)
        left += share
    axis.set_yticks(np.arange(len(names)), names)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.set_xlabel("share of the answers")
    axis.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.45, -0.3), frameon=False, fontsize=8)
    return _svg(figure, "losses")


def popularity(summary: Summary) -> str:
    """Mean percentile of popularity of what is shown and what is chosen."""
    if not summary.popularity:
        return ""
    figure, (axis,) = _panels(1, 1, height=0.26 * len(summary.popularity) + 0.9)
    colours = [_INK if one.difference is None else _KINDS["ranker"] for one in summary.popularity]
    _intervals(axis, [one.name for one in summary.popularity], [one.percentile for one in summary.popularity], colours)
    axis.set_xlabel("mean percentile of popularity")
    axis.axvline(summary.popularity[0].percentile[0], color=_QUIET, linewidth=0.8, linestyle="--")
    return _svg(figure, "popularity")


def distances(summary: Summary) -> str:
    """From the 10 to the 90 per cent quantile of kilometres, the middle half thick, the median a point."""
    shown = [one for one in summary.distances if one.known]
    if not shown:
        return ""
    figure, (axis,) = _panels(1, 1, height=0.3 * len(shown) + 0.9)
    for at, one in enumerate(shown):
        low, quarter, median, upper, high = (max(km, 0.0) for km in one.quantiles.values())
        colour = _INK if at == 0 else _KINDS["ranker"]
        axis.plot([low, high], [at, at], color=colour, linewidth=1)
        axis.plot([quarter, upper], [at, at], color=colour, linewidth=5, solid_capstyle="butt")
        axis.plot([median], [at], "o", color="white", markeredgecolor=colour, markersize=6)
    axis.set_yticks(range(len(shown)), [one.name for one in shown])
    axis.invert_yaxis()
    axis.set_xscale("symlog", linthresh=10)
    axis.set_xlim(left=0)
    axis.set_xticks([0, 10, 100, 1000], ["0", "10", "100", "1000"])
    axis.set_xlabel("km from the candidate's nearest known place")
    return _svg(figure, "distances")


def diversity(summary: Summary) -> str:
    """nDCG@10 against likeness within a list and against the number of distinct postings, one point a value."""
    shown = summary.diversity
    if not shown:
        return ""
    figure, axes = _panels(1, 2, height=3.0)
    columns = {
        "likeness within a list": [one.alike[0] for one in shown],
        "distinct postings": [float(one.distinct) for one in shown],
    }
    for axis, (name, across) in zip(axes, columns.items(), strict=True):
        axis.plot(across, [one.ndcg[0] for one in shown], color=_KINDS["ranker"], linewidth=1)
        for x, one in zip(across, shown, strict=True):
            axis.plot([x, x], one.ndcg[1:], color=_KINDS["engine"], linewidth=1)
            axis.plot([x], [one.ndcg[0]], "o", color=_KINDS["engine"], markersize=5)
            axis.annotate(f"{one.diversity:g}", (x, one.ndcg[0]), (4, 4), textcoords="offset points", fontsize=8)
        axis.set_xlabel(name)
    axes[0].set_ylabel(TITLES["ndcg@10"], fontsize=9)
    return _svg(figure, "diversity")


def learned(one: Learned) -> str:
    """The heaviest signals, the folds as points."""
    means = {name: float(np.mean(values)) for name, values in one.values.items() if values}
    names = sorted((name for name in means if means[name]), key=lambda name: -abs(means[name]))[:_SIGNALS]
    if not names:
        return ""
    figure, (axis,) = _panels(1, 1, height=0.22 * len(names) + 0.9)
    at = np.arange(len(names))
    axis.barh(at, [means[name] for name in names], color=_KINDS["ranker"], height=0.65)
    for row, name in enumerate(names):
        axis.plot(one.values[name], [row] * len(one.values[name]), "|", color=_INK, markersize=7)
    axis.set_yticks(at, names)
    axis.invert_yaxis()
    axis.axvline(0, color=_INK, linewidth=0.8)
    axis.set_xlabel("weight times spread" if one.kind == "weight" else "share of gain")
    return _svg(figure, f"learned {one.ranker} {one.kind}")


def reliability(found: Reliability | None) -> str:
    """Predicted against observed shares, the diagonal for comparison."""
    if found is None or not found.counts:
        return ""
    figure, (axis,) = _panels(1, 1, height=3.4)
    observed = np.array(found.observed)
    most = float(max(max(found.predicted), observed[:, 2].max())) * 1.05 or 1.0
    axis.plot([0, most], [0, most], color=_QUIET, linewidth=0.8, linestyle="--")
    errors = np.abs(observed[:, 1:] - observed[:, :1]).T
    axis.errorbar(
        found.predicted, observed[:, 0], yerr=errors, fmt="o", color=_KINDS["engine"], capsize=2, markersize=4
    )
    axis.set_xlim(0, most)
    axis.set_ylim(0, most)
    axis.set_xlabel("predicted probability")
    axis.set_ylabel("observed share")
    return _svg(figure, "reliability")


def _panels(rows: int, columns: int, height: float) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, max(height, 1.3)), layout="constrained")
    axes = [axis for line in figure.subplots(rows, columns, squeeze=False) for axis in line]
    for axis in axes:
        axis.tick_params(labelsize=8, colors=_INK, length=2)
        axis.xaxis.label.set_size(9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", color="#edf0f4", linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def _intervals(
    axis: "Axes", names: Sequence[str], figures: Sequence[tuple[float, float, float]], colours: Sequence[str]
) -> None:
    for at, ((mean, low, high), colour) in enumerate(zip(figures, colours, strict=True)):
        axis.plot([low, high], [at, at], color=colour, linewidth=2)
        axis.plot([mean], [at], "o", color=colour, markersize=5)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)


def _svg(figure: "Figure", name: str) -> str:
    """The figure's <svg> element; texts stay texts, and no id is that of a figure with another name."""
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    used = set(re.findall(r"#([\w.-]+)", text))  # these are hashed with the name; "axes_1" and the like are not
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", text)
    # An <svg> within HTML needs no namespaces, and without them the page names no address at all.
    return re.sub(r' xmlns(:xlink)?="[^"]*"', "", text, count=2).strip()
