"""What the engine is held against: implicit's own recommend, and the memory that the libraries take by themselves."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from recsys.candidates import event_weights
from recsys.collab import interaction_matrix
from serving.score import Scorer


def implicit_recommender(scorer: Scorer, k: int) -> Callable[[], object]:
    """Implicit's own ALS ``recommend`` for every candidate, over the same matrix and as many factors."""
    from implicit.cpu.als import AlternatingLeastSquares

    histories, settings = scorer.candidates.histories, scorer.engine.settings
    people = np.repeat(np.arange(len(scorer.candidates), dtype=np.int32), histories.lengths)
    weights = event_weights(histories.kind, histories.value, settings.events)
    shape = (len(scorer.candidates), len(scorer.engine.catalogue))
    matrix: sparse.csr_matrix = interaction_matrix(people, histories.posting, weights, shape)
    model = AlternatingLeastSquares(factors=settings.factors.dimensions, iterations=2, random_state=0)
    with threadpool_limits(1, "blas"):
        model.fit(matrix, show_progress=False)
    everybody = np.arange(shape[0])

    def recommend() -> object:
        with threadpool_limits(1, "blas"):
            return model.recommend(everybody, matrix, N=k, filter_already_liked_items=True)

    return recommend


@dataclass(frozen=True)
class Memory:
    """Bytes.

    Attributes:
        arrays: the bundle's arrays and indices on disk.
        libraries: peak of a process that imports what the export imports, and does nothing.
        export: peak of a process that exports.
    """

    arrays: int
    libraries: int
    export: int


# VmHWM, not getrusage: the latter also counts the parent's memory at the moment of the fork
_PEAK = "; print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"


def peak_memory_of_export(bundle: Path) -> Memory:
    """Peak resident memory of an export in a process of its own; mapped files count as far as they are touched."""
    imports = "from serving.score import Scorer; from serving.export import export; from pathlib import Path"
    act = f"{imports}; export(Scorer({str(bundle)!r}), Path({str(bundle.parent / 'memory.parquet')!r}), 50)"
    files = [*(bundle / "arrays").iterdir(), *(bundle / "candidates").iterdir(), *bundle.glob("*.faiss")]
    return Memory(sum(file.stat().st_size for file in files), _run(imports + _PEAK), _run(act + _PEAK))


def _run(code: str) -> int:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return 1024 * int(done.stdout.strip().splitlines()[-1])
