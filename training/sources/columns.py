"""The columns that each table may map, and the kind of value in each.

Kinds are those of ``recsys.schema`` and three more: "id" (refused when missing or malformed), "place" (one location
written as text) and "places" (any number of locations of one posting).
"""

from typing import Final

from recsys.schema import CANDIDATE_COLUMNS, EXPERIENCE_COLUMNS, PLACE_COLUMNS, POSTING_COLUMNS

EVENT_COLUMNS: Final[dict[str, str]] = {
    "candidate_id": "id", "posting_id": "id", "type": "text", "timestamp": "time", "value": "number",
    "event_id": "text", "request_id": "text", "rank": "number", "surface": "text",
}  # fmt: skip

TABLE_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "postings": {**POSTING_COLUMNS, "posting_id": "id", **PLACE_COLUMNS, "locations": "places"},
    "candidates": {**CANDIDATE_COLUMNS, "candidate_id": "id", "location": "place"},
    "experience": {"candidate_id": "id", **EXPERIENCE_COLUMNS, "location": "place"},
    "events": EVENT_COLUMNS,
}

#: May be mapped, and nothing needs them yet.
UNUSED: Final = frozenset({"surface"})

#: Without these a row of the table means nothing, so that every source of the table must map them.
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "postings": ("posting_id",),
    "candidates": ("candidate_id",),
    "experience": ("candidate_id",),
    "events": ("candidate_id", "posting_id", "type"),
}

#: Text of several lines; every other text has its white space, newlines among it, collapsed to single spaces.
LONG_TEXTS: Final = frozenset({"description", "summary", "text", "extra"})

#: Text that is never read as HTML.
VERBATIM_TEXTS: Final = frozenset({"url", "type", "event_id", "request_id", "surface", "salary_currency", "language"})

#: In these a comma parts words; in a desired title it may belong to the title ("Manager, Sales").
COMMA_LISTS: Final = frozenset({"skills", "remote_countries"})
