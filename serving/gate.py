"""Whether a bundle may be served: it is whole, it answers as in training, and orders no worse than the active one."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from recsys.bundle import Bundle, open_bundle
from recsys.config import Settings
from recsys.engine import Engine
from recsys.errors import BundleError, RequestError
from recsys.manifest import read_manifest
from recsys.smoke import SMOKE, smoke_difference
from recsys.stored import read_candidates


class GateSettings(Settings):
    """When a bundle that is whole is refused.

    Attributes:
        most_fall: hit@10 and nDCG@10 of the order, on the bundle's own validation queries, may be lower than the active
            bundle's by this share of them.
    """

    most_fall: float = Field(0.1, ge=0, le=1)


@dataclass(frozen=True)
class Gate:
    """The check before a bundle is active.

    Attributes:
        settings: when figures are refused.
        force: let lower figures through. Damage and wrong answers are never let through.
    """

    settings: GateSettings
    force: bool = False

    def __call__(self, folder: Path, active: Path | None = None) -> None:
        """Whether the bundle may be served, compared with the active one where there is one.

        Raises:
            BundleError: why not, in one line.
        """
        bundle = open_bundle(folder)
        _ask_smoke_requests(bundle)
        if not self.force and active not in (None, folder):
            self._compare(_figures(bundle.manifest, bundle.ranker.name), _figures_of_active(active))

    def _compare(self, mine: dict[str, float], theirs: dict[str, float]) -> None:
        for name, old in theirs.items():
            new = mine.get(name)
            if new is None:
                raise BundleError(_refused(f"it has no validation figures, the active one has {name} {old:.4f}"))
            if new < old * (1 - self.settings.most_fall):
                allowed = f"at most {self.settings.most_fall:.0%} lower is allowed"
                raise BundleError(_refused(f"{name} is {new:.4f}, the active one's is {old:.4f}; {allowed}"))


def _ask_smoke_requests(bundle: Bundle) -> None:
    file = bundle.path / SMOKE
    if SMOKE not in bundle.manifest["files"]:
        raise BundleError(f"{file} is missing: the bundle was made by an older version of jobrec; train again")
    try:
        document = json.loads(file.read_bytes())
        different = smoke_difference(Engine.from_bundle(bundle), read_candidates(bundle), document)
    except (ValueError, KeyError, RequestError) as error:
        raise BundleError(f"{bundle.path} cannot answer its smoke requests: {error}; train again") from error
    if different is not None:
        raise BundleError(f"{bundle.path} does not answer as in training: {different}; train again on this machine")


def _figures_of_active(folder: Path | None) -> dict[str, float]:
    """Of the active bundle; nothing where it can no longer be read: a whole bundle is better than that."""
    if folder is None:
        return {}
    try:
        manifest = read_manifest(folder)
        ranker = json.loads((folder / "ranker.json").read_bytes())["name"]
    except (BundleError, OSError, ValueError, KeyError):
        return {}
    return _figures(manifest, str(ranker))


def _figures(manifest: dict[str, Any], ranker: str) -> dict[str, float]:
    figures = manifest.get("validation", {}).get("figures", {}).get(ranker, {})
    return {name: float(figures[name]) for name in ("hit@10", "ndcg@10") if name in figures}


def _refused(reason: str) -> str:
    return f"refused by its validation figures: {reason}; --force-gate lets it through"
