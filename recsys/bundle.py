"""A bundle on disk: plain arrays, FAISS files, Parquet and JSON, each hashed in ``manifest.json``. No pickle.

Written beside its place and renamed into it, never changed afterwards. Opened memory-mapped, so that many processes
share one copy. A file that is missing, cut or changed is named and the bundle refused.
"""

import hashlib
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

from recsys.catalogue import Attributes, Behaviour, Catalogue, CellLists, Shelves
from recsys.codes import Codes
from recsys.collab import Factors, Neighbours
from recsys.config import EngineSettings
from recsys.errors import BundleError
from recsys.geo import Grid
from recsys.ids import Ids
from recsys.index import read_cell_index, read_index
from recsys.rank import LinearRanker

SCHEMA: Final = 1
MANIFEST: Final = "manifest.json"
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
    ranker: LinearRanker
    settings: EngineSettings
    skills: dict[str, int]

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


def flatten(value: Any, prefix: str = "") -> dict[str, NDArray[Any]]:
    """The arrays of a dataclass of arrays, nested ones with a dotted name."""
    found: dict[str, NDArray[Any]] = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        name = f"{prefix}{field.name}"
        if isinstance(inner, np.ndarray):
            found[name] = inner
        elif is_dataclass(inner) and field.name not in _INDICES:
            found |= flatten(inner, f"{name}.")
    return found


def write_bundle(
    out: Path,
    catalogue: Catalogue,
    ranker: LinearRanker,
    settings: EngineSettings,
    skills: dict[str, int],
    postings: pd.DataFrame,
    facts: dict[str, Any],
    extra: dict[str, dict[str, NDArray[Any]]] | None = None,
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
        extra: further folders of arrays, by name.

    Raises:
        BundleError: ``out`` holds something that is not a bundle.
    """
    if out.exists() and not (out / MANIFEST).exists() and any(out.iterdir()):
        raise BundleError(f"{out} exists and is not a bundle; choose another folder or empty it")
    work = out.parent / f".{out.name}.{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    (work / "arrays").mkdir(parents=True)
    arrays = flatten(catalogue) | {"posting_ids": catalogue.ids.names()}
    for name in _INDICES:
        getattr(catalogue, name).serialised().tofile(work / f"{name}.faiss")
        arrays[f"{name}.rows"] = getattr(catalogue, name).rows
    _write_arrays(work / "arrays", arrays)
    for folder, content in (extra or {}).items():
        (work / folder).mkdir()
        _write_arrays(work / folder, content)
    postings.to_parquet(work / "postings.parquet", index=False)
    pd.DataFrame({"skill": list(skills)}, dtype="str").to_parquet(work / "skills.parquet", index=False)
    _write_json(work / "ranker.json", ranker.to_document())
    _write_manifest(work, catalogue, settings, facts)
    _swap(work, out)


def _write_arrays(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if array.dtype == object:
            pd.DataFrame({"id": array}, dtype="str").to_parquet(folder / f"{name}.parquet", index=False)
        else:
            np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _write_manifest(work: Path, catalogue: Catalogue, settings: EngineSettings, facts: dict[str, Any]) -> None:
    files = {
        str(path.relative_to(work)): {"bytes": path.stat().st_size, "sha256": _digest(path)}
        for path in sorted(work.rglob("*"))
        if path.is_file()
    }
    whole = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    manifest = {
        "schema": SCHEMA,
        "name": f"{facts.get('created', '')}-{whole[:8]}",
        "postings": len(catalogue),
        "dated": catalogue.dated,
        "dimension": catalogue.title.dimension,
        "settings": settings.model_dump(mode="json"),
        "files": files,
        **facts,
    }
    _write_json(work / MANIFEST, manifest)


def _swap(work: Path, out: Path) -> None:
    old = out.parent / f".{out.name}.{os.getpid()}.old"
    if out.exists():
        os.rename(out, old)
    os.rename(work, out)
    shutil.rmtree(old, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a bundle.

    Raises:
        BundleError: there is none, it cannot be read, or it is of another schema version.
    """
    file = path / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        schema, _ = manifest["schema"], manifest["files"]
    except FileNotFoundError:
        raise BundleError(f"{file} is missing: {path} is not a bundle; make one with `jobrec train`") from None
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise BundleError(f"{file} is damaged: it is not the JSON that training writes; train again") from None
    if schema != SCHEMA:
        raise BundleError(
            f"{file} is of schema version {schema}, this version of jobrec reads {SCHEMA}; "
            + ("upgrade jobrec" if isinstance(schema, int) and schema > SCHEMA else "train again")
        )
    return manifest


def verify_files(path: Path, manifest: dict[str, Any], hashes: bool = True) -> None:
    """Compare the files of a bundle with its manifest.

    Raises:
        BundleError: names the first file that is missing, cut or changed.
    """
    for name, facts in manifest["files"].items():
        file = path / name
        if not file.is_file():
            raise BundleError(f"{file} is missing from the bundle; copy it again or train again")
        size = file.stat().st_size
        if size != facts["bytes"]:
            raise BundleError(f"{file} is damaged: {size} bytes, the manifest says {facts['bytes']}; copy it again")
        if hashes and _digest(file) != facts["sha256"]:
            raise BundleError(f"{file} is damaged: its hash is not the manifest's; copy it again or train again")


def open_bundle(path: Path, verify: bool = True) -> Bundle:
    """Open a bundle memory-mapped; errors as in ``read_manifest`` and ``verify_files``."""
    manifest = read_manifest(path)
    verify_files(path, manifest, hashes=verify)
    arrays = read_arrays(path / "arrays")
    skills = pd.read_parquet(path / "skills.parquet")["skill"].tolist()
    settings = EngineSettings.model_validate(manifest["settings"])
    return Bundle(
        path=path,
        manifest=manifest,
        catalogue=_catalogue(path, arrays, settings, bool(manifest["dated"])),
        ranker=LinearRanker.from_document(json.loads((path / "ranker.json").read_text(encoding="utf-8"))),
        settings=settings,
        skills={skill: at for at, skill in enumerate(skills)},
    )


def read_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays that were written into a folder, memory-mapped, by name."""
    arrays: dict[str, NDArray[Any]] = {}
    for file in sorted(folder.glob("*.npy")):
        # The base class: indexing a memmap costs twice as much for the same bytes.
        arrays[file.stem] = np.load(file, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    for file in sorted(folder.glob("*.parquet")):
        arrays[file.stem] = pd.read_parquet(file)["id"].to_numpy(dtype=object)
    return arrays


def _catalogue(path: Path, arrays: dict[str, NDArray[Any]], settings: EngineSettings, dated: bool) -> Catalogue:
    def inner(prefix: str) -> dict[str, NDArray[Any]]:
        return {
            name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")
        }

    factors = inner("behaviour.factors")
    behaviour = Behaviour(
        popularity=arrays["behaviour.popularity"],
        seen=arrays["behaviour.seen"],
        factors=Factors(
            factors["postings"], factors["gram"], settings.factors.regularisation, settings.factors.confidence
        ),
        neighbours=Neighbours(**inner("behaviour.neighbours")),
    )
    grid = inner("grid") | {"edge": np.array(settings.place.cell_degrees)}
    return Catalogue(
        ids=Ids(arrays["posting_ids"], "posting"),
        title=Codes(**inner("title")),
        text=Codes(**inner("text")) if "text.codes" in arrays else None,
        place=arrays["place"],
        attributes=Attributes(**inner("attributes")),
        behaviour=behaviour,
        shelves=Shelves(**inner("shelves")),
        grid=Grid.from_arrays(grid),
        cells=CellLists(**inner("cells")),
        open=arrays["open"],
        dated=dated,
        by_text=read_index(str(path / "by_text.faiss"), arrays["by_text.rows"]),
        by_cell=read_cell_index(str(path / "by_cell.faiss"), arrays["by_cell.rows"]),
        by_factor=read_index(str(path / "by_factor.faiss"), arrays["by_factor.rows"]),
        gone=arrays["gone"],
    )
