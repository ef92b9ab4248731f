"""Texts of a column turned into values of its kind; what does not fit is dropped or its row rejected."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pcompute
from numpy.typing import NDArray

from training.sources.checked import Checked
from training.sources.columns import COMMA_LISTS, LONG_TEXTS, VERBATIM_TEXTS
from training.sources.steps import BadValue, over_uniques, parse_flag
from training.sources.texts import MAX_MARKUP, MAYBE_HTML, html_to_text, tidy_long, tidy_short
from training.sources.times import parse_times, time_text

MAX_ID_BYTES: Final = 1024
#: schema.org's unitText, and other ways to say it.
_PERIODS: Final = {
    "HOUR": ("hour", "hourly", "hr", "h", "per hour"), "DAY": ("day", "daily", "per day", "per diem"),
    "WEEK": ("week", "weekly", "per week"), "MONTH": ("month", "monthly", "per month"),
    "YEAR": ("year", "yearly", "annual", "annually", "per year", "per annum", "annum"),
}  # fmt: skip
_PERIOD_OF: Final = {word: period for period, words in _PERIODS.items() for word in words}
#: Values below or above these are wrong: column to (lowest, highest).
RANGES: Final = {
    "latitude": (-90.0, 90.0), "longitude": (-180.0, 180.0), "salary_min": (0.0, np.inf), "salary_max": (0.0, np.inf),
    "desired_salary_min": (0.0, np.inf), "max_distance_km": (0.0, np.inf), "rank": (1.0, 32767.0),
}  # fmt: skip
_COUNT_LIMIT: Final = 500
_WORD_LIMIT: Final = 200
SHORT_LIMIT: Final = 2000


def check_ids(checked: Checked, column: str, raw: pd.Series, origin: pd.Series) -> pd.Series:
    """Rejects the rows whose id is missing or malformed; the ids stay as they are, whatever characters they hold.

    Args:
        checked: takes the verdicts.
        column: the id's column.
        raw: the ids.
        origin: what the file says, for the record.
    """
    ids = pa.array(raw, from_pandas=True)
    blank = pcompute.equal(pcompute.utf8_trim_whitespace(ids), "")
    size = pcompute.binary_length(ids)
    for reason, mask in (
        ("id is missing", pcompute.fill_null(blank, True)),
        ("id contains a NUL character", pcompute.fill_null(pcompute.match_substring(ids, "\0"), False)),
        (f"id is longer than {MAX_ID_BYTES:,} bytes", pcompute.fill_null(pcompute.greater(size, MAX_ID_BYTES), False)),
    ):
        checked.reject(np.asarray(mask), column, reason, origin)
    return raw


def to_text(checked: Checked, column: str, raw: pd.Series, max_chars: int) -> pd.Series:
    """Readable text: HTML taken out, white space tidied, cut to ``max_chars`` (one-line texts to 2,000) characters."""
    if column in VERBATIM_TEXTS:
        text = raw.str.strip()
        long = text.str.len().gt(SHORT_LIMIT).to_numpy(dtype=bool)
        checked.drop(long, column, f"longer than {SHORT_LIMIT:,} characters", raw)
        return text.mask((text == "") | long)
    tidy = tidy_long if column in LONG_TEXTS else tidy_short
    limit = max_chars if column in LONG_TEXTS else min(max_chars, SHORT_LIMIT)
    text, long = raw, np.zeros(len(raw), dtype=bool)
    maybe = text.str.contains(MAYBE_HTML, regex=True, na=False).to_numpy(dtype=bool)
    if maybe.any():
        text = text.copy()
        text[maybe] = over_uniques(text[maybe], html_to_text)[0]
        long = maybe & raw.str.len().gt(MAX_MARKUP).to_numpy(dtype=bool)
    long |= text.str.len().gt(2 * limit).to_numpy(dtype=bool)
    text, _ = over_uniques(text, lambda value: tidy(value[: 2 * limit]) or None)
    long |= text.str.len().gt(limit).to_numpy(dtype=bool)
    if long.any():
        checked.drop(long, column, f"text cut to {limit:,} characters", raw)
        text = text.str.slice(0, limit)
    if column == "salary_period":
        text = _periods(checked, text)
    return text


def _periods(checked: Checked, text: pd.Series) -> pd.Series:
    def period(value: str) -> str:
        if value.casefold() not in _PERIOD_OF:
            raise BadValue("not a period of pay (HOUR, DAY, WEEK, MONTH, YEAR)")
        return _PERIOD_OF[value.casefold()]

    result, bad = over_uniques(text, period)
    for reason, mask in bad.items():
        checked.drop(mask, "salary_period", reason, text)
    return result


def to_words(checked: Checked, column: str, raw: pd.Series) -> pd.Series:
    """Lists as newline-joined words, distinct, in order.

    Text without a newline is cut at ";" or "|", and where it lists skills or countries at ",".
    """

    def convert(value: str) -> str | None:
        for mark in ("\n", ";", "|", *([","] if column in COMMA_LISTS else [])):
            if mark in value:
                words = value.split(mark)
                break
        else:
            words = [value]
        found = dict.fromkeys(word for word in map(tidy_short, map(html_to_text, words)) if word)
        kept = [word[:_WORD_LIMIT] for word in found][:_COUNT_LIMIT]
        if kept != [*found]:
            cut.add(value)
        return "\n".join(kept) or None

    cut: set[str] = set()
    result = over_uniques(raw, convert)[0]
    if cut:
        mask = raw.isin(cut).to_numpy(dtype=bool)
        checked.drop(mask, column, f"list cut to {_COUNT_LIMIT} entries of {_WORD_LIMIT} characters", raw)
    return result


def to_number(checked: Checked, column: str, raw: pd.Series) -> NDArray[np.float64]:
    """Numbers, with or without thousands separators ("1,234.5"); NaN where missing, unreadable or out of range."""
    text = raw.str.strip().replace("", None)
    grouped = text.str.match(r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$", na=False)
    if grouped.any():
        text = text.mask(grouped, text.str.replace(",", ""))
    values = pd.to_numeric(text.astype(object), errors="coerce").to_numpy(dtype="float64", na_value=np.nan).copy()
    unread = text.notna().to_numpy() & ~np.isfinite(values)
    checked.drop(unread, column, "not a number", raw)
    values[unread] = np.nan
    return check_range(checked, column, values)


def check_range(checked: Checked, column: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sets values outside the column's range to NaN."""
    low, high = RANGES.get(column, (-np.inf, np.inf))
    outside = (values < low) | (values > high)
    if outside.any():
        checked.drop(outside, column, f"not in {low:g}..{high:g}", pd.Series(values).map("{:g}".format))
    return np.where(outside, np.nan, values)


def to_times(
    checked: Checked, column: str, raw: pd.Series, formats: Sequence[str], first_year: int
) -> NDArray[np.float64]:
    """Seconds since 1970 UTC; NaN where missing or refused."""
    text = raw.where(raw.str.strip() != "")
    seconds, refused = parse_times(text, formats, first_year)
    for reason, mask in refused.items():
        checked.drop(mask, column, reason, raw)
    return seconds


def to_flags(checked: Checked, column: str, raw: pd.Series) -> NDArray[np.int8]:
    """1, 0, or -1 where unknown."""
    flags = np.full(len(raw), -1, dtype=np.int8)

    def convert(value: str) -> str | None:
        answer = parse_flag(value)
        if answer is None and value.strip():
            raise BadValue("neither yes nor no")
        return None if answer is None else str(int(answer))

    text, bad = over_uniques(raw, convert)
    for reason, mask in bad.items():
        checked.drop(mask, column, reason, raw)
    known = text.notna().to_numpy()
    flags[known] = (text[known] == "1").to_numpy(dtype=bool)
    return flags


def drop_pair(
    checked: Checked, frame: dict[str, Any], wrong: NDArray[np.bool_], names: tuple[str, str], reason: str
) -> None:
    """Sets both values of a pair to missing where they contradict each other or one has no partner."""
    if wrong.any():
        show = time_text if names[0] in ("start", "date_posted") else "{:g}".format
        pairs = zip(frame[names[0]].tolist(), frame[names[1]].tolist(), strict=True)
        raw = [
            f"{show(first)} / {show(second)}" if bad else None
            for bad, (first, second) in zip(wrong, pairs, strict=True)
        ]
        checked.drop(wrong, names[0], reason, pd.Series(raw, dtype="str"))
        for name in names:
            frame[name] = np.where(wrong, np.nan, frame[name])
