"""Words of job feeds in the words of our tables: kinds of employment, pay, markup."""

import re
from typing import Any, Final

from recsys.attributes import employment_kind
from training.sources.money import parse_money
from training.sources.texts import html_to_text, tidy_short

_NUMBER: Final = re.compile(r"^\s*[+-]?\d+(?:[.,]\d+)*\s*$")
_LONGEST: Final = 2_000


def employment_types(value: Any) -> str | None:
    """Kinds of employment, each once, between ", "; a word that is not known stays as it is."""
    texts = value if isinstance(value, list) else [value]
    words = [word for text in texts if isinstance(text, str) for word in re.split(r"[,;|/\n]", _last(text))]
    kinds = [employment_kind(word) or tidy_short(word) for word in words]
    return ", ".join(dict.fromkeys(kind for kind in kinds if kind)) or None


def _last(text: str) -> str:
    """What an address such as https://schema.org/FULL_TIME ends with."""
    return text.rstrip("/").rpartition("/")[2] if "://" in text else text


def salary_in_words(text: str | None) -> dict[str, Any]:
    """The columns of pay that a text such as "$20 - $25 per hour" gives."""
    money = None if text is None else parse_money(text)
    if money is None:
        return {}
    named = {
        "salary_min": money.low,
        "salary_max": money.high,
        "salary_currency": money.currency,
        "salary_period": money.period,
    }
    return without_nothing(named)


def is_number(text: str) -> bool:
    """Whether a text is a number and nothing else, perhaps with separators."""
    return _NUMBER.match(text) is not None


def plain_text(value: Any) -> str | None:
    """One line without markup, for what is kept beside the columns; None where there is none."""
    if not isinstance(value, str):
        return None
    whole = value[: 4 * _LONGEST].encode("utf-8", "replace").decode()  # lone surrogates are no text
    return tidy_short(html_to_text(whole))[:_LONGEST] or None


def without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    """The entries that say something."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {})}
