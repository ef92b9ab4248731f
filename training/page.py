"""The evaluation as one HTML page that stands alone: tables, figures as SVG, no request to anywhere."""

import re
from importlib.resources import files
from typing import Any

from training import figures
from training.report import Report, full_row, interval, number, ordered
from training.summary import Summary

_CAPTIONS = {
    "slices": "The engine minus the best single signal of the slice, with 95 % intervals; in brackets the queries.",
    "losses": "Share of the answers by what became of them in a list of ten.",
    "popularity": "Mean percentile of popularity with 95 % intervals; the dashed line is what people chose.",
    "distances": "Kilometres: 10 to 90 % thin, the middle half thick, the median a ring.",
    "diversity": "nDCG@10 with 95 % intervals against likeness in a list and distinct postings, for each value.",
    "learned": "Bars: mean of the folds; strokes: each fold.",
    "reliability": "Predicted against observed, with 95 % intervals; the dashed line is perfect calibration.",
}


def page(report: Report) -> str:
    """The page of a report."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def svg(text: str) -> Markup:
        return Markup(text)  # drawn here; matplotlib escapes the texts in it

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string(files("training").joinpath("page.html.j2").read_text(encoding="utf-8"))
    sections = _sections(report)
    for section in sections:
        section["figures"] = [{**one, "svg": svg(one["svg"])} for one in section["figures"]]
    html: str = template.render(
        head=report.head(),
        order=report.summary.order,
        cards=_cards(report.summary),
        systems_figure=svg(figures.systems(report.summary)),
        parts=[
            {
                "name": name,
                "head": full_row(None),
                "body": [full_row(row) for row in ordered(rows)],
                "classes": [row.kind for row in ordered(rows)],
            }
            for name, rows in report.summary.tables.items()
            if rows
        ],
        sections=sections,
    )
    return html.lstrip()


def _cards(summary: Summary) -> list[dict[str, str]]:
    rows = next(iter(summary.tables.values()), ())
    cards = [{"figure": str(summary.queries), "words": "queries"}]
    if rows:
        engine = rows[0]
        cards += [
            {"figure": number(engine.figures["hit@10"][0]), "words": "hit@10 of the engine"},
            {"figure": number(engine.figures["ndcg@10"][0]), "words": "nDCG@10 of the engine"},
        ]
    cards += [
        {"figure": interval(one.differences["ndcg@10"][:3], sign="+"), "words": f"nDCG@10 against the {one.why}"}
        for one in summary.comparisons
        if one.why.startswith("best ")
    ]
    below = [one for one in summary.slices if one.verdict == "below"]
    judged = [one for one in summary.slices if one.verdict != "too few"]
    cards.append({"figure": f"{len(below)} of {len(judged)}", "words": "slices below the best single signal"})
    return cards


def _sections(report: Report) -> list[dict[str, Any]]:
    summary = report.summary
    drawn = {
        "Slices": [("slices", figures.slices(summary))],
        "Where answers were lost": [("losses", figures.losses(summary))],
        "Popularity": [("popularity", figures.popularity(summary))],
        "Distance": [("distances", figures.distances(summary))],
        "Diversity": [("diversity", figures.diversity(summary))],
        "Probabilities": [("reliability", figures.reliability(summary.reliability))],
    }
    for one in summary.learned:
        drawn.setdefault(f"What {one.ranker} learned", []).append(("learned", figures.learned(one)))
    sections = []
    for title, note, (head, body) in report.sections():
        shown = drawn.pop(title, [])
        sections.append(
            {
                "title": title,
                "anchor": re.sub(r"\W+", "-", title.lower()),
                "note": note,
                "head": head,
                "body": body,
                "classes": [one.verdict for one in summary.slices] if title == "Slices" else [],
                "figures": [{"svg": svg, "caption": _CAPTIONS[kind]} for kind, svg in shown if svg],
            }
        )
    return sections
