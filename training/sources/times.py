"""Points in time, however they are written, as float64 seconds since 1970 (UTC)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NOT_A_DATE: Final = "not a date (set `dates` for forms other than 2024-05-31)"
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2100
_VARIANT: Final = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)(.*)$")
_ZONE: Final = re.compile(r"\s*(?:UTC|GMT|Z)$", re.IGNORECASE)
_NUMBER: Final = r"^[+-]?\d+(?:\.\d+)?$"


def parse_times(
    text: pd.Series, formats: Sequence[str] = (), first_year: int = _FIRST_YEAR
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.bool_]]]:
    """Reads ``text``: the stated formats first, then ISO 8601 and its common variants, then numbers.

    A number is a year (4 digits), a day (20240531), or seconds, milliseconds, microseconds or nanoseconds since 1970,
    told apart by size. Text without a zone is UTC.

    Args:
        text: ``str`` Series, NaN where missing.
        formats: strptime formats.
        first_year: earlier years are refused, as are those after 2100.

    Returns:
        seconds, float64 (n,), NaN where missing or refused; and for each reason the mask (n,) of refused values.
    """
    seconds = np.full(len(text), np.nan)
    known = text.notna().to_numpy()
    codes, uniques = pd.factorize(text)
    values = pd.Series(uniques, dtype="str").str.strip()
    if len(values):
        seconds[known] = _parse(values, formats)[codes[known]]
    unread = known & np.isnan(seconds)
    seconds, reason, odd = check_years(seconds, first_year)
    return seconds, {NOT_A_DATE: unread, reason: odd}


def check_years(seconds: NDArray[np.float64], first_year: int) -> tuple[NDArray[np.float64], str, NDArray[np.bool_]]:
    """Sets times before ``first_year`` or after 2100 to NaN; also returns the reason and the mask (n,) of those."""
    low = datetime(first_year, 1, 1, tzinfo=UTC).timestamp()
    high = datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()
    odd = (seconds < low) | (seconds >= high)
    return np.where(odd, np.nan, seconds), f"year not in {first_year}..{_LAST_YEAR}", odd


def _parse(values: pd.Series, formats: Sequence[str]) -> NDArray[np.float64]:
    seconds = np.full(len(values), np.nan)
    for form in formats:
        left = np.isnan(seconds)
        seconds[left] = [_strptime(value, form) for value in values[left]]
    numeric = np.isnan(seconds) & values.str.match(_NUMBER).to_numpy(dtype=bool)
    if numeric.any():
        seconds[numeric] = numbers_to_seconds(values[numeric].astype("float64").to_numpy())
    # pandas would take "today" and "now" for dates.
    left = np.isnan(seconds) & ~numeric & values.str.match(r"^\d").to_numpy(dtype=bool)
    seconds[left] = _iso(values[left])
    left &= np.isnan(seconds)
    if left.any():
        seconds[left] = _iso(values[left].map(_tidied))
    return seconds


def _iso(values: pd.Series) -> NDArray[np.float64]:
    return datetimes_to_seconds(pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce"))


def _tidied(value: str) -> str:
    """Common variants made ISO 8601: "2024/5/3 10:00 UTC"."""
    if match := _VARIANT.match(value):
        year, month, day, rest = match.groups()
        rest = _ZONE.sub("+00:00", rest) if ":" in rest else _ZONE.sub("", rest)
        return f"{year}-{int(month):02d}-{int(day):02d}{rest}"
    return value


def _strptime(value: str, form: str) -> float:
    try:
        moment = datetime.strptime(value, form)
    except ValueError:
        return np.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def datetimes_to_seconds(values: pd.Series) -> NDArray[np.float64]:
    """Datetimes of any resolution (naive ones are UTC) as seconds; NaT becomes NaN."""
    if values.dt.tz is not None:
        values = values.dt.tz_convert("UTC").dt.tz_localize(None)
    whole = values.to_numpy().astype("datetime64[us]")
    seconds = whole.astype("int64") / 1e6
    seconds[np.isnat(whole)] = np.nan
    return seconds


def numbers_to_seconds(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers as seconds since 1970, see ``parse_times``; what the size does not explain is taken as seconds."""
    seconds = values.copy()
    for above, unit in ((1e11, 1e3), (1e14, 1e6), (1e17, 1e9)):
        large = np.abs(values) >= above
        seconds[large] = values[large] / unit
    whole = values == np.floor(values)
    year = whole & (values >= 1900) & (values <= _LAST_YEAR)
    seconds[year] = (values[year] - 1970).astype("datetime64[Y]").astype("datetime64[s]").astype("float64")
    day = whole & (values >= 19_000_101) & (values <= 21_001_231)
    if day.any():
        read = pd.to_datetime(pd.Series(values[day].astype("int64").astype(str)), format="%Y%m%d", errors="coerce")
        seconds[day] = datetimes_to_seconds(read)
    return seconds


def time_text(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 text."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()
