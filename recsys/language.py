"""A warning when texts are in a language that the encoder was not trained on."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

#: Detection is noisy on short titles: shorter texts say nothing, and fewer than ``MIN_TEXTS`` of them neither.
MIN_CHARACTERS: Final = 40
MIN_TEXTS: Final = 20
MAX_TEXTS: Final = 200
#: Share of texts in an unknown language above which the warning is given.
TOLERATED_SHARE: Final = 0.2

# The identifier knows 140 languages and calls English job jargon Latin or Luxembourgish now and then. These are
# the languages that job boards are written in.
_CANDIDATES: Final = (
    *("ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id", "it"),
    *("ja", "ko", "lt", "lv", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"),
)
_READ_CHARACTERS: Final = 1_000


def language_warning(texts: Sequence[str], encoder_languages: frozenset[str] | None) -> str | None:
    """One line if more than a fifth of the texts are in a language that the encoder does not know.

    Args:
        texts: any number of texts. Up to ``MAX_TEXTS`` of those with at least ``MIN_CHARACTERS`` characters are
            sampled, evenly over the whole, the same ones every time.
        encoder_languages: ISO 639-1 codes, see ``recsys.encode.encoder_languages``; None where nobody knows.

    Returns:
        The warning, or None if there is nothing to warn of or too little to judge by.
    """
    if encoder_languages is None:
        return None
    long_enough = [row for row, text in enumerate(texts) if len(text) >= MIN_CHARACTERS]
    if len(long_enough) < MIN_TEXTS:
        return None
    picks = np.linspace(0, len(long_enough) - 1, min(MAX_TEXTS, len(long_enough))).astype(int)
    identifier = _identifier()
    found = Counter(identifier.classify(texts[long_enough[pick]][:_READ_CHARACTERS])[0] for pick in picks)
    unknown = {language: count for language, count in found.items() if language not in encoder_languages}
    share = sum(unknown.values()) / len(picks)
    if share <= TOLERATED_SHARE:
        return None
    names = ", ".join(f"{language} {count / len(picks):.0%}" for language, count in Counter(unknown).most_common(3))
    return (
        f"{share:.0%} of {len(picks)} sampled texts are in a language that the encoder does not know "
        f"({names}; it knows {', '.join(sorted(encoder_languages))}): their vectors mean little; "
        "set `encoder` to a multilingual model"
    )


@lru_cache(maxsize=1)
def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # reads its model, .7 s: only when asked

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(_CANDIDATES)
    return identifier
