"""The manifest of a bundle: what it holds, and the hash of every file, of the manifest itself too."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from recsys.errors import BundleError

SCHEMA: Final = 5
MANIFEST: Final = "manifest.json"


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Hash every file in ``folder`` and write the manifest beside them; ``facts`` are more of its values."""
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": _digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    whole = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    document = {"schema": SCHEMA, "name": f"{facts.get('created', '')}-{whole[:8]}", "files": files, **facts}
    document["sha256"] = _seal(document)
    (folder / MANIFEST).write_text(_text(document), encoding="utf-8")


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _seal(document: dict[str, Any]) -> str:
    """Hash of everything but the hash."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(_text(rest).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the bundle at ``path``.

    Raises:
        BundleError: there is none, it cannot be read, it was changed, or it is of another schema version.
    """
    file = path / MANIFEST
    try:
        text = file.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(f"{file} is missing: {path} is not a bundle; make one with `jobrec train`") from None
    except OSError as error:
        raise BundleError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _damaged(file) from None
    try:
        document = json.loads(text)
    except ValueError:
        raise _damaged(file) from None
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        raise _damaged(file)
    if document["schema"] != SCHEMA:
        advice = "upgrade jobrec" if document["schema"] > SCHEMA else "train again"
        found = document["schema"]
        raise BundleError(f"{file} is of schema version {found}, this version of jobrec reads {SCHEMA}; {advice}")
    if document.get("sha256") != _seal(document) or text != _text(document):
        raise _damaged(file)
    return document


def _damaged(file: Path) -> BundleError:
    return BundleError(f"{file} is damaged: it is not what training wrote; copy the bundle again or train again")


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
