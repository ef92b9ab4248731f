"""Columns that the file holds as numbers, times or structures already: taken over without a detour through text."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from recsys.schema import PLACE_COLUMNS
from training.sources.checked import Checked, Values
from training.sources.piece import RawColumn, as_text
from training.sources.times import check_years, datetimes_to_seconds, numbers_to_seconds
from training.sources.values import check_range


def typed(checked: Checked, name: str, kind: str, raw: RawColumn, first_year: int) -> Values | None:
    """The values of ``raw`` for a column of ``kind``; None where they have to be read as text."""
    if kind == "places":
        return _structs(checked, name, raw)
    if not isinstance(raw, pa.Array):
        return None
    if kind == "time":
        seconds = _seconds(raw)
        if seconds is None:
            return None
        seconds, reason, odd = check_years(seconds, first_year)
        if odd.any():
            checked.drop(odd, name, reason, as_text(raw))
        return seconds
    if kind == "number" and _is_number(raw.type):
        values = _floats(raw)
        infinite = np.isinf(values)
        if infinite.any():
            checked.drop(infinite, name, "not a number", as_text(raw))
            values[infinite] = np.nan
        return check_range(checked, name, values)
    return None


def _seconds(raw: pa.Array) -> NDArray[np.float64] | None:
    if pa.types.is_timestamp(raw.type) or pa.types.is_date(raw.type):
        zone = getattr(raw.type, "tz", None)
        return datetimes_to_seconds(pd.Series(raw.cast(pa.timestamp("us", tz=zone), safe=False).to_pandas()))
    return numbers_to_seconds(_floats(raw)) if _is_number(raw.type) else None


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _floats(raw: pa.Array) -> NDArray[np.float64]:
    """A copy that may be written to; nulls are NaN."""
    return np.array(raw.to_numpy(zero_copy_only=False), dtype=np.float64)


def _structs(checked: Checked, name: str, raw: RawColumn) -> list[list[dict[str, Any]]] | None:
    """Lists of structures with the fields of ``PLACE_COLUMNS``; None where the column holds something else.

    Coordinates that are none are set to missing, both of them.
    """
    if isinstance(raw, pd.Series):
        return None
    values = raw.to_pylist() if isinstance(raw, pa.Array) else raw
    lists = [value if isinstance(value, list) else [value] if isinstance(value, dict) else [] for value in values]
    some = next((item for value in lists for item in value if item is not None), None)
    if not isinstance(some, dict):
        return None
    places = [[_place(item) for item in value if isinstance(item, dict)] for value in lists]
    given = [sum(isinstance(item, dict) and _coordinates(item) != (None, None) for item in value) for value in lists]
    known = [sum(place["latitude"] is not None for place in value) for value in places]
    lost = [before != after for before, after in zip(given, known, strict=True)]
    if any(lost):
        checked.drop(np.array(lost), name, "coordinates outside -90..90 and -180..180, or one alone", as_text(raw))
    return places


def _coordinates(item: dict[str, Any]) -> tuple[object, object]:
    return item.get("latitude"), item.get("longitude")


def _place(item: dict[str, Any]) -> dict[str, Any]:
    """One structure with tidy texts, and coordinates that are real or None."""
    texts = {key: str(item.get(key) or "") for key, kind in PLACE_COLUMNS.items() if kind == "text"}
    texts = {key: value.encode("utf-8", "replace").decode() for key, value in texts.items()}  # no lone surrogates
    place: dict[str, Any] = {key: " ".join(value.split()) or None for key, value in texts.items()}
    try:
        latitude, longitude = (float(value) for value in _coordinates(item))  # type: ignore[arg-type]
        good = abs(latitude) <= 90 and abs(longitude) <= 180
    except (TypeError, ValueError):
        latitude, longitude, good = 0.0, 0.0, False
    return {**place, "latitude": latitude if good else None, "longitude": longitude if good else None}
