"""A bundle on disk: plain arrays, FAISS files, Parquet and JSON, each hashed in ``manifest.json``. No pickle.

Written beside its place and renamed into it, never changed afterwards. Opened memory-mapped, so that many processes
share one copy. A file that is missing, cut or changed is named and the bundle refused.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from recsys.calibrate import Calibration
from recsys.catalogue import Attributes, Behaviour, Catalogue, CellLists, Shelves
from recsys.codebook import Codebook, Codebooks, Numbering
from recsys.codes import Codes
from recsys.collab import Factors
from recsys.config import EngineSettings
from recsys.copies import Copies
from recsys.cut import quick_part
from recsys.errors import BundleError
from recsys.geo import Grid
from recsys.ids import Ids
from recsys.index import read_cell_index, read_index
from recsys.manifest import MANIFEST, read_manifest, verify_files, write_manifest
from recsys.neighbours import Neighbours
from recsys.next_title import NextTitle
from recsys.rank import LinearRanker, Ranker
from recsys.terms import Lexicon, Terms, Vocabulary
from recsys.trees import ranker_from_document
from recsys.wordindex import WordIndex
from recsys.wordlists import WordLists

_CALIBRATION: Final = "calibration.json"
RELATED: Final = "related.json"  #: the order of what goes with a posting; not there where none was learned
_BOOKS: Final = "books"
_INDICES: Final = ("by_text", "by_cell", "by_factor")


@dataclass(frozen=True)
class TextColumn:
    """A text column of ``postings.parquet``, read when first asked for."""

    path: Path
    column: str

    @cached_property
    def _values(self) -> Any:
        return pq.read_table(self.path, columns=[self.column]).column(0).combine_chunks()

    def take(self, rows: Sequence[int]) -> list[str]:
        """The texts at ``rows``, "" where there is none."""
        return [text or "" for text in self._values.take(np.asarray(rows, np.int64)).to_pylist()]


@dataclass(frozen=True)
class Bundle:
    """An open bundle."""

    path: Path
    manifest: dict[str, Any]
    catalogue: Catalogue
    ranker: Ranker
    settings: EngineSettings
    skills: dict[str, int]
    cut: LinearRanker
    books: Codebooks
    calibration: Calibration | None = None
    related: LinearRanker | None = None

    @property
    def name(self) -> str:
        """What answers and exports are labelled with: the time of training and a hash of the contents."""
        return str(self.manifest["name"])

    @property
    def titles(self) -> TextColumn:
        """Titles of the postings."""
        return TextColumn(self.path / "postings.parquet", "title")

    @property
    def companies(self) -> TextColumn:
        """Employers of the postings."""
        return TextColumn(self.path / "postings.parquet", "company")

    @property
    def regions(self) -> TextColumn:
        """Regions of the postings' first places."""
        return TextColumn(self.path / "postings.parquet", "region")


def flatten(value: Any, prefix: str = "") -> dict[str, NDArray[Any]]:
    """The arrays of a dataclass of arrays, nested ones with a dotted name."""
    found: dict[str, NDArray[Any]] = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        name = f"{prefix}{field.name}"
        if isinstance(inner, np.ndarray):
            found[name] = inner
        elif is_dataclass(inner) and field.name not in (*_INDICES, "fresh", "within"):
            found |= flatten(inner, f"{name}.")
    return found


def write_bundle(
    out: Path,
    catalogue: Catalogue,
    ranker: Ranker,
    settings: EngineSettings,
    skills: dict[str, int],
    postings: pd.DataFrame,
    facts: dict[str, Any],
    books: Codebooks,
    extra: dict[str, dict[str, NDArray[Any]]] | None = None,
    cut: LinearRanker | None = None,
    calibration: Calibration | None = None,
    documents: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Write everything beside ``out``, then rename it into place.

    Args:
        out: the folder to be made; an older bundle there is replaced, anything else is refused.
        catalogue: arrays and indices.
        ranker: the order.
        settings: of the engine.
        skills: code of each skill.
        postings: P rows in catalogue order, with the columns that people read.
        facts: more for the manifest: encoder, versions, figures.
        books: by which employers, industries, occupations and regions were numbered.
        extra: further folders of arrays, by name.
        cut: the order by which the pool is cut; None: the ranker's own quick part.
        calibration: from the order's scores to probabilities, where there are any.
        documents: further JSON files, by name.

    Raises:
        BundleError: ``out`` holds something that is not a bundle.
    """
    check_free(out)
    work = out.parent / f".{out.name}.{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        (work / "arrays").mkdir(parents=True)
        names = {"posting_ids": catalogue.ids.names(), "by_word.word_ids": catalogue.by_word.words.names()}
        arrays = flatten(catalogue) | names
        for name in _INDICES:
            getattr(catalogue, name).serialised().tofile(work / f"{name}.faiss")
            arrays[f"{name}.rows"] = getattr(catalogue, name).rows
        for folder, content in {"arrays": arrays, _BOOKS: flatten(books), **(extra or {})}.items():
            (work / folder).mkdir(exist_ok=True)
            _write_arrays(work / folder, content)
        postings.to_parquet(work / "postings.parquet", index=False)
        pd.DataFrame({"skill": list(skills)}, dtype="str").to_parquet(work / "skills.parquet", index=False)
        _write_json(work / "ranker.json", ranker.to_document())
        _write_json(work / "cut.json", (cut or quick_part(ranker)).to_document())
        if calibration is not None:
            _write_json(work / _CALIBRATION, calibration.to_document())
        for name, document in (documents or {}).items():
            _write_json(work / name, document)
        write_manifest(work, _facts(catalogue, settings) | facts)
        _swap(work, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def check_free(out: Path) -> None:
    """Whether a bundle may be written at ``out``.

    Raises:
        BundleError: something that is not a bundle is there.
    """
    if out.exists() and not (out / MANIFEST).exists() and not (out.is_dir() and not any(out.iterdir())):
        raise BundleError(f"{out} exists and is not a bundle; choose another folder or empty it")


def _write_json(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _write_arrays(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if array.dtype == object:
            pd.DataFrame({"id": array}, dtype="str").to_parquet(folder / f"{name}.parquet", index=False)
        else:
            np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def _facts(catalogue: Catalogue, settings: EngineSettings) -> dict[str, Any]:
    return {
        "postings": len(catalogue),
        "dated": catalogue.dated,
        "dimension": catalogue.title.dimension,
        "settings": settings.model_dump(mode="json"),
    }


def _swap(work: Path, out: Path) -> None:
    old = out.parent / f".{out.name}.{os.getpid()}.old"
    replaced = out.exists()
    if replaced:
        os.rename(out, old)
    try:
        os.rename(work, out)
    except OSError:
        if replaced:
            os.rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def open_bundle(path: Path, verify: bool = True) -> Bundle:
    """Open a bundle memory-mapped; errors as in ``read_manifest`` and ``verify_files``."""
    manifest = read_manifest(path)
    verify_files(path, manifest, hashes=verify)
    arrays = read_arrays(path / "arrays")
    skills = pd.read_parquet(path / "skills.parquet")["skill"].tolist()
    settings = EngineSettings.model_validate(manifest["settings"])
    books = _read_books(path / _BOOKS)
    return Bundle(
        path=path,
        manifest=manifest,
        catalogue=_catalogue(path, arrays, settings, books, bool(manifest["dated"])),
        ranker=ranker_from_document(_read_json(path / "ranker.json")),
        settings=settings,
        skills={skill: at for at, skill in enumerate(skills)},
        cut=LinearRanker.from_document(_read_json(path / "cut.json")),
        books=books,
        calibration=_read_calibration(path / _CALIBRATION),
        related=LinearRanker.from_document(_read_json(path / RELATED)) if (path / RELATED).exists() else None,
    )


def _read_books(folder: Path) -> Codebooks:
    arrays = read_arrays(folder)
    names = [field.name for field in fields(Codebooks)]
    return Codebooks(**{name: Codebook(arrays[f"{name}.hashes"], arrays[f"{name}.codes"]) for name in names})


def _read_calibration(file: Path) -> Calibration | None:
    if not file.exists():
        return None
    return Calibration.from_document(_read_json(file))


def _read_json(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def read_arrays(folder: Path) -> dict[str, Any]:
    """The arrays that were written into a folder, memory-mapped, by name; ids as Arrow columns of text."""
    arrays: dict[str, Any] = {}
    for file in sorted(folder.glob("*.npy")):
        # The base class: indexing a memmap costs twice as much for the same bytes.
        arrays[file.stem] = np.load(file, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    for file in sorted(folder.glob("*.parquet")):
        # Ids stay what they are in the file: as Python objects they would take several times the room.
        column = pq.read_table(file).column("id")
        arrays[file.stem] = column if file.stem.endswith("_ids") else column.to_numpy()
    return arrays


def _catalogue(
    path: Path, arrays: dict[str, NDArray[Any]], settings: EngineSettings, books: Codebooks, dated: bool
) -> Catalogue:
    def inner(prefix: str) -> dict[str, NDArray[Any]]:
        return {
            name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")
        }

    factors = inner("behaviour.factors")
    behaviour = Behaviour(
        popularity=arrays["behaviour.popularity"],
        kin=arrays["behaviour.kin"],
        seen=arrays["behaviour.seen"],
        factors=Factors(
            factors["postings"],
            factors["gram"],
            settings.factors.regularisation,
            settings.factors.confidence,
            settings.factors.frequency_scaling,
            population=int(np.count_nonzero(arrays["behaviour.seen"])),
            from_text=factors.get("from_text"),
        ),
        neighbours=Neighbours(**inner("behaviour.neighbours")),
        industries=Neighbours(**inner("behaviour.industries")),
        occupations=Neighbours(**inner("behaviour.occupations")),
        next_title=NextTitle(**inner("behaviour.next_title")),
    )
    grid = inner("grid") | {"edge": np.array(settings.place.cell_degrees)}
    return Catalogue(
        ids=Ids(arrays["posting_ids"], "posting"),
        title=Codes(**inner("title")),
        text=Codes(**inner("text")) if "text.codes" in arrays else None,
        lexicon=_lexicon(inner("lexicon")),
        place=arrays["place"],
        attributes=Attributes(**inner("attributes")),
        behaviour=behaviour,
        shelves=Shelves(**inner("shelves")),
        grid=Grid.from_arrays(grid),
        cells=CellLists(**inner("cells")),
        words=WordLists(**inner("words")),
        open=arrays["open"],
        dated=dated,
        by_text=read_index(str(path / "by_text.faiss"), arrays["by_text.rows"]),
        by_cell=read_cell_index(str(path / "by_cell.faiss"), arrays["by_cell.rows"]),
        by_factor=read_index(str(path / "by_factor.faiss"), arrays["by_factor.rows"]),
        gone=arrays["gone"],
        copies=Copies(**inner("copies")),
        numbering=Numbering(books),
        rules=settings.filters,
        by_word=_word_index(inner("by_word")),
        said=arrays["said"],
    )


def _word_index(arrays: dict[str, NDArray[Any]]) -> WordIndex:
    return WordIndex(words=Ids(arrays.pop("word_ids"), "word"), **arrays)


def _lexicon(arrays: dict[str, NDArray[Any]]) -> Lexicon:
    def terms(name: str) -> Terms:
        return Terms(*(arrays[f"{name}.{part}"] for part in ("codes", "weights", "scale")))

    return Lexicon(
        vocabulary=Vocabulary(arrays["vocabulary.words"], arrays["vocabulary.idf"]),
        title=terms("title"),
        text=terms("text") if "text.codes" in arrays else None,
        skills=arrays["skills"],
    )
