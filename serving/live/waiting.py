"""Documents whose texts have no vectors yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recsys.documents import candidate_texts_of_all, posting_texts_of_all

Document = dict[str, Any]


@dataclass(frozen=True)
class Waiting:
    """One of them.

    Attributes:
        position: of the log.
        kind: "posting" or "candidate".
        key: its id.
        document: as written.
        changes: it is another form of a posting that was there just before, not one that is new or came back.
        gone: it was taken down while it waited.
    """

    position: int
    kind: str
    key: str
    document: Document
    changes: bool = False
    gone: bool = False


def texts_of(ready: Sequence[Waiting]) -> list[list[str]]:
    """What is encoded of each document; nothing of one that cannot be read."""
    postings, candidates = ([one.document for one in ready if one.kind == kind] for kind in ("posting", "candidate"))
    try:
        of_postings = iter(posting_texts_of_all(postings) if postings else ())
        of_candidates = iter(candidate_texts_of_all(candidates) if candidates else ())
    except Exception:  # told when it is brought in
        return [texts for one in ready for texts in texts_of([one])] if len(ready) > 1 else [[]]
    return [list(next(of_postings if one.kind == "posting" else of_candidates)) for one in ready]
