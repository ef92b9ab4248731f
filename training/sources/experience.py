"""Work experience: any number of rows a candidate, latest first."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recsys.schema import EXPERIENCE_COLUMNS
from training.sources.entities import empty_values
from training.sources.idmap import IdMap
from training.sources.mapping import TableReader


class ExperienceTable:
    """Collects the pieces; candidates that are new are added to ``candidates``."""

    def __init__(self, candidates: IdMap) -> None:
        self._candidates = candidates
        self._parts: list[pd.DataFrame] = []

    def read(self, reader: TableReader) -> None:
        """Reads all pieces of one source."""
        for checked, frame in reader.pieces():
            ids = frame["candidate_id"]
            columns: dict[str, Any] = {
                name: frame[name] if name in frame else empty_values(kind, len(ids))
                for name, kind in EXPERIENCE_COLUMNS.items()
            }
            good = checked.finish()
            part = pd.DataFrame(columns)[good]
            part.insert(0, "candidate", self._candidates.add(ids[good]))
            self._parts.append(part)

    def frame(self) -> pd.DataFrame:
        """``candidate`` (int32 row) and the columns of the schema, by candidate, latest first."""
        if not self._parts:
            empty = {name: empty_values(kind, 0) for name, kind in EXPERIENCE_COLUMNS.items()}
            return pd.DataFrame({"candidate": np.empty(0, np.int32), **empty})
        frame = pd.concat(self._parts, ignore_index=True)
        order = np.lexsort((-_or(frame["start"], -np.inf), -_latest(frame), frame["candidate"].to_numpy()))
        return frame.iloc[order].reset_index(drop=True)


def _latest(frame: pd.DataFrame) -> NDArray[np.float64]:
    """When each position ended: one that began and has no end goes on; one without any date comes last."""
    going_on = frame["end"].isna() & frame["start"].notna()
    return np.where(going_on, np.inf, _or(frame["end"], -np.inf))


def _or(values: pd.Series, missing: float) -> NDArray[np.float64]:
    return values.fillna(missing).to_numpy(dtype="float64")
