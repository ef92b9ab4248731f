"""The conversions of the config as functions from text to text."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from training.sources.config import Step
from training.sources.money import Money, parse_money
from training.sources.places import is_remote, parse_place, remote_countries

#: From a known text to the converted one; None means missing. Raises BadValue where the text does not fit.
Convert = Callable[[str], str | None]


class BadValue(ValueError):
    """The value cannot be used; the message is the reason that is recorded."""


def over_uniques(values: pd.Series, convert: Convert) -> tuple[pd.Series, dict[str, np.ndarray]]:
    """Applies ``convert`` to each distinct value once.

    Args:
        values: ``str`` Series (n,), NaN where missing (stays missing).
        convert: see ``Convert``.

    Returns:
        the converted Series, and for each reason of ``BadValue`` the mask (n,) of values that became missing by it.
    """
    codes, uniques = pd.factorize(values)
    done: list[str | None] = []
    bad: dict[str, list[int]] = {}
    for at, value in enumerate(uniques.to_numpy(dtype=object)):  # iterating over Arrow itself is ten times slower
        try:
            done.append(convert(value))
        except BadValue as error:
            bad.setdefault(str(error), []).append(at)
            done.append(None)
    known = pd.Series([*done, None], dtype="str")  # code -1, "missing", meets the last one
    result = known.iloc[codes].set_axis(values.index)
    return result, {reason: np.isin(codes, places) for reason, places in bad.items()}


def converter(step: Step) -> Convert | None:
    """The function of one step; None for the steps that are not done text by text (``dates``, ``default``)."""
    if step.split is not None:
        return _split(step.split)
    if step.extract is not None:
        return _extract(re.compile(step.extract))
    if step.remove is not None:
        return _substitute(re.compile(step.remove), "")
    if step.replace is not None:
        return _substitute(re.compile(step.replace.find), step.replace.with_)
    if step.map is not None:
        return _mapping(step.map, keep=False)
    if step.map_or_keep is not None:
        return _mapping(step.map_or_keep, keep=True)
    if step.money is not None:
        return _money(step.money)
    if step.place is not None:
        part, country_first = step.place, step.country_first
        return lambda text: getattr(parse_place(text, country_first), part)
    if step.remote is not None:
        return _remote
    if step.remote_countries is not None:
        return lambda text: "\n".join(remote_countries(text)) or None
    if step.multiply is not None:
        return _multiply(step.multiply)
    return _mend if step.mojibake is not None else None


def _split(delimiter: str) -> Convert:
    def convert(text: str) -> str | None:
        words = (" ".join(word.split()) for word in text.split(delimiter))
        return "\n".join(dict.fromkeys(word for word in words if word)) or None

    return convert


def _extract(pattern: re.Pattern[str]) -> Convert:
    def convert(text: str) -> str | None:
        match = pattern.search(text)
        return (match[1] if pattern.groups else match[0]) if match else None

    return convert


def _substitute(pattern: re.Pattern[str], replacement: str) -> Convert:
    return lambda text: pattern.sub(replacement, text) or None


def _mapping(table: dict[str, str | None], keep: bool) -> Convert:
    def convert(text: str) -> str | None:
        key = text.strip()
        if key not in table and not keep:
            raise BadValue("not in the map")
        return table.get(key, text)

    return convert


def _money(part: str) -> Convert:
    def convert(text: str) -> str | None:
        money: Money | None = parse_money(text)
        if money is None:
            if part == "low":  # said once, not for every part of the same text
                raise BadValue("no amount in the text")
            return None
        value = getattr(money, part)
        return repr(value) if isinstance(value, float) else value

    return convert


_YES: Final = frozenset({"true", "yes", "y", "t", "1", "1.0"})
_NO: Final = frozenset({"false", "no", "n", "f", "0", "0.0"})


def parse_flag(text: str) -> bool | None:
    """Yes or no in any common writing; None for any other text."""
    word = text.strip().casefold()
    return True if word in _YES else False if word in _NO else None


def _remote(text: str) -> str | None:
    answer = parse_flag(text)
    if answer is None:
        answer = is_remote(text)
    return None if answer is None else "true" if answer else "false"


def _multiply(factor: float) -> Convert:
    def convert(text: str) -> str | None:
        try:
            return repr(float(text.replace(",", "")) * factor)
        except ValueError:
            raise BadValue("not a number") from None

    return convert


_BROKEN: Final = re.compile(r"[\u00c2-\u00f4][\u0080-\u2122]{1,3}")


def _mend(text: str) -> str:
    """Each run that reads as Windows-1252 bytes of one UTF-8 character becomes that character; all else stays."""

    def character(match: re.Match[str]) -> str:
        run = match[0]
        for length in range(len(run), 1, -1):
            try:
                raw = b"".join(_byte(letter) for letter in run[:length])
                return raw.decode("utf-8") + run[length:]
            except UnicodeError:
                continue
        return run

    return _BROKEN.sub(character, text)


def _byte(letter: str) -> bytes:
    """The byte that was read as ``letter``; the five that Windows-1252 leaves open stand for themselves."""
    return bytes([ord(letter)]) if letter in "\x81\x8d\x8f\x90\x9d" else letter.encode("cp1252")
