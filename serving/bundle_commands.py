"""What ``jobrec bundles`` does: list, activate, rollback."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from serving.bundles import Home
from serving.gate import Gate, GateSettings

Say = Callable[[str], None]


def list_bundles(home: Path, say: Say) -> dict[str, Any]:
    """One line a bundle, the active one marked."""
    listed = Home(home).list()
    for one in listed:
        mark = "*" if one.active else " "
        facts = f"{one.created}  {one.postings} postings  position {one.position}  {one.encoder}"
        say(f"{mark} {one.name}  {one.damage or facts}")
    if not listed:
        say(f"no bundles in {home / 'bundles'}; make one with `jobrec train --out {home / 'bundles' / 'NAME'}`")
    return {"bundles": [asdict(one) for one in listed]}


def activate_bundle(
    home: Path, name: str, say: Say, force_gate: bool = False, settings: GateSettings | None = None
) -> dict[str, Any]:
    """Check a bundle and make it the active one.

    Raises:
        BundleError: why it is refused, in one line; the old one stays.
    """
    place = Home(home)
    gate = Gate(settings or GateSettings(), force_gate)
    before = place.pointer()
    pointer = place.activate(name, gate)
    changed = before is None or before.serial != pointer.serial
    old = before.bundle if before is not None else "none"
    say(f"active: {name}, before it: {old}" if changed else f"{name} is active already, and whole")
    return {**asdict(pointer), "changed": changed}


def roll_back(home: Path, say: Say) -> dict[str, Any]:
    """Go back to the bundle that was active before; figures are not compared, wholeness and answers are.

    Raises:
        BundleError: there is none that can be served; the active one stays.
    """
    pointer = Home(home).rollback(Gate(GateSettings()), say)
    say(f"active: {pointer.bundle}")
    return asdict(pointer)
