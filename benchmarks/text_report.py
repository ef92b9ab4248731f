"""The page of ``text_retrieval.py``: tables and what they mean, all from the figures of the run."""

import platform
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import resumes as cvs
from benchmarks.halves import LEAST_WORDS, TITLE_WORDS, TWIN, Floats
from benchmarks.occupations import TITLES
from benchmarks.variants import WINDOW
from recsys.metrics import bootstrap_interval, paired_bootstrap

if TYPE_CHECKING:
    from benchmarks.text_retrieval import FileResult, ResumeResult

_COMMAND = "python -m benchmarks.text_retrieval --data DIR --out docs/text-retrieval.md"
_PACKAGES = ("jobrec", "numpy", "bm25s", "faiss-cpu", "sentence-transformers", "torch")


def page(files: Sequence["FileResult"], resumes: "ResumeResult", encoder: str, enough: int) -> str:
    """The whole page as Markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    parts = [
        "# Texts that find texts",
        f"Written by `{_COMMAND}` on {time.strftime('%Y-%m-%d', time.gmtime())}, nothing by hand. "
        f"Python {platform.python_version()}, {versions}; encoder {encoder}. "
        "Brackets hold 95 % bootstrap intervals over queries.",
        *_halves(files, enough),
        *_why(files, enough),
        *_variants(files),
        *_resumes(resumes),
        *_rule(resumes),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _interval(values: Floats) -> str:
    mean, low, high = bootstrap_interval(values)
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _first(reciprocal: Floats) -> Floats:
    return (reciprocal == 1).astype(np.float64)


def _halves(files: Sequence["FileResult"], enough: int) -> list[str]:
    counts = _table(
        ["file", "postings read", "no or short text", "same description", "same second half", "asked"],
        [
            [f.name, *(str(n) for n in (f.halves.rows, f.halves.short, f.halves.same_description, f.halves.same_half)),
             str(len(f.halves.queries))]
            for f in files
        ],
    )  # fmt: skip
    sections = [
        "## Halves of one posting",
        "A description is cut at the word boundary nearest to its middle. The bundle is trained on the second halves; "
        "the candidate's text is the real title and the first half, encoded by `serving.profile` and answered by "
        "`Engine.answer` with a list as long as the market. Right is the posting's own second half and nothing else. "
        "Places, dates and employers are left out, so that only text can decide.",
        f"A posting is asked for if both halves have at least {LEAST_WORDS} words. Of postings with the same "
        "description (after normalising, without regard to case) the first is kept, and so of those with the same "
        "second half. Near-duplicates stay: the same text with another place or one other sentence counts as wrong.",
        counts,
    ]
    for heading, text, pick in (
        ("### Title withheld", f"The posting's title is the first {TITLE_WORDS} words of its second half, so that "
         "nothing of the first half or of the real title is in the market. Such a title says little of the work, and "
         "a signal that reads titles can only disturb here.", lambda f: f.withheld),
        ("### Title kept", "The same, but each posting keeps its real title, as a posting on a board does. "
         "The query then shares the title with its posting, and with every posting of the same title.",
         lambda f: f.kept),
    ):  # fmt: skip
        found = [(f, pick(f)) for f in files]
        sections += [heading, text, _table(
            ["file", "hit@1 engine", "hit@1 cosine", "hit@1 BM25", "MRR engine", "MRR cosine", "MRR BM25"],
            [[f.name, *(_interval(_first(one.reciprocal[way])) for way in ("engine", "cosine", "BM25")),
              *(_interval(one.reciprocal[way]) for way in ("engine", "cosine", "BM25"))] for f, one in found],
        ), _verdict([(f, one.reciprocal["engine"]) for f, one in found], enough)]  # fmt: skip
    return [*sections, *_pools(files)]


def _pools(files: Sequence["FileResult"]) -> list[str]:
    rows = [
        [f.name, name, str(len(f.halves.queries)), f"{found.shared:.1%}",
         f"{(found.of_ten > 0).mean():.3f}", f"{(found.reciprocal['engine'] >= 0.1).mean():.3f}"]
        for f in files for name, found in (("withheld", f.withheld), ("kept", f.kept))
    ]  # fmt: skip
    return [
        "### What the pool costs",
        "A whole list scores every posting. A list of 10, as on a page, scores a pool that the sources bring; markets "
        "no larger than the pool are scored whole.",
        _table(
            ["file", "title", "postings", "of the first 10, also in the list of 10", "hit@10, list of 10",
             "hit@10, whole list"],
            rows,
        ),
    ]  # fmt: skip


def _verdict(engine: Sequence[tuple["FileResult", Floats]], enough: int) -> str:
    few = [f"{f.name} ({len(values)})" for f, values in engine if len(values) < enough]
    judged = {f.name: bootstrap_interval(_first(values)) for f, values in engine if len(values) >= enough}
    above = [name for name, (_, low, _) in judged.items() if low > 0.5]
    below = [name for name, (_, _, high) in judged.items() if high < 0.5]
    open_ = [f"{name} ({judged[name][0]:.3f})" for name in judged if name not in above + below]
    return (
        f"The engine puts the right half first more often than not on: {', '.join(above) or 'no file'}. "
        f"It does not on: {', '.join(below) or 'no file'}."
        + (f" The interval holds .5 on: {', '.join(open_)}." if open_ else "")
        + (f" Too few texts to conclude anything from: {', '.join(few)}." if few else "")
    )


def _why(files: Sequence["FileResult"], enough: int) -> list[str]:
    large = [f for f in files if len(f.halves.queries) >= enough]
    rows = [
        [f.name, f"{f.why.cut:.0%}", f"{f.why.own:.2f}", f"{f.why.other:.2f}", f"{f.why.nearest:.2f}",
         f"{f.why.twins:.0%}", f"{f.why.same_title:.0%}", f"{f.why.missed_by_both:.0%}"]
        for f in large
    ]  # fmt: skip
    closer = [f.name for f in large if f.why.nearest > f.why.own]
    whole = [f.name for f in large if f.why.cut < 0.05 and _first(f.withheld.reciprocal["engine"]).mean() <= 0.5]
    return [
        "### Why the right half is not first",
        "With the title withheld, by the bare cosine:",
        _table(
            ["file", "halves longer than the encoder reads", "cosine with own half", "with another half",
             "with the best other half", f"halves with a twin (cosine {TWIN})",
             "misses won by a posting of the same title", "first by neither engine nor BM25"],
            rows,
        ),
        f"On {', '.join(closer) or 'no file'} the best of the other halves is, on average, nearer to the query than "
        "its own: each board holds one kind of work or one employer, and its texts are alike. "
        f"Length is not the cause on {', '.join(whole) or 'any file'}, whose halves the encoder reads whole. "
        "The last column is what neither meaning nor words put first.",
    ]  # fmt: skip


def _variants(files: Sequence["FileResult"]) -> list[str]:
    ways = list(files[0].variants)
    rows = [
        [
            f.name,
            *(f"{_first(f.variants[w]).mean():.3f} / {f.variants[w].mean():.3f}" for w in ways),
            f"{f.windows:.2f}",
        ]
        for f in files
    ]
    gains = [
        [f.name, *(_gain(f.variants[w], f.variants["cosine"]) for w in ways[1:])]
        for f in files
    ]  # fmt: skip
    return [
        "### Other ways to read a text",
        "Not in the engine; tried on vectors with the title withheld. *Centred*: the mean of all postings' vectors is "
        "taken from postings and queries alike, and the rest brought to length 1; costs nothing to encode. "
        f"*Windows*: the mean of the vectors of consecutive pieces of at most {WINDOW:,} characters; encoding costs as "
        "many times more as there are pieces.",
        "These are explorations on the same queries, not settings that were chosen; hit@1 / MRR:",
        _table(["file", *ways, "windows a text"], rows),
        "Gain in MRR over the plain cosine on the same queries:",
        _table(["file", *ways[1:]], gains),
    ]


def _gain(a: Floats, b: Floats) -> str:
    mean, low, high, _ = paired_bootstrap(a, b)
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def _resumes(result: "ResumeResult") -> list[str]:
    r = result.resumes
    labels = sorted(set(r.labels))
    by_label = [
        [label, str(r.labels.count(label)), str(r.matching[label]),
         *(f"{result.precision[way][[own == label for own in r.labels]].mean():.2f}" for way in result.precision)]
        for label in labels
    ]  # fmt: skip
    overall = ["all CVs", str(len(r.texts)), "", *(_interval(values) for values in result.precision.values())]
    variants = [
        [way, _interval(values), _gain(values, result.precision["engine"])] for way, values in result.variants.items()
    ]
    market = ", ".join(f"{name} {count}" for name, count in result.postings.items())
    return [
        "## CVs and the postings of their occupation",
        f"The file of CVs has {r.rows} rows and {r.distinct} distinct texts. The market is one bundle of all postings "
        f"with a description, exact duplicates of the description left out, with title and description only: {market}. "
        f"A posting is right if the rule below puts its title in the CV's occupation; occupations with fewer than "
        f"{cvs.LEAST_POSTINGS} such postings are not asked for: {', '.join(r.left_out) or 'none'}. That leaves "
        f"{len(r.texts)} CVs. The engine gets the CV's text alone. BM25 gets all words of the CV. *Random* is the "
        "share of right postings in the market.",
        "precision@10:",
        _table(["occupation", "CVs", "postings", *result.precision], [*by_label, overall]),
        "Other ways to read, on vectors, and their gain over the engine on the same CVs:",
        _table(["way", "precision@10", "gain"], variants),
    ]


def _rule(result: "ResumeResult") -> list[str]:
    matching = result.resumes.matching
    rows = [[label, str(matching[label]), "`" + pattern.replace("|", "\\|") + "`"] for label, pattern in TITLES.items()]
    return [
        "### The rule",
        "A regular expression for each label, searched in the posting's title without regard to case. "
        "It errs on both sides: a title may name two kinds of work, or none.",
        _table(["label", "postings", "pattern"], rows),
    ]
