"""The store of the online service: documents, events, API keys and one log of all changes, in SQLite or PostgreSQL."""

from serving.store.migration import migrate
from serving.store.store import Store
from serving.store.writes import Change, Kind, Outcome, Receipt, Write

__all__ = ["Change", "Kind", "Outcome", "Receipt", "Store", "Write", "migrate"]
