"""Writes in few words."""

from serving.store import Write


def posting(key, title="Cook", **fields):
    return Write("posting", key, {"posting_id": key, "title": title, **fields})


def candidate(key, **fields):
    return Write("candidate", key, {"candidate_id": key, **fields})


def did(key, who="c", what="p", kind="view", at=1.0, **fields):
    return Write(
        "event",
        key,
        {"event_id": key, "candidate_id": who, "posting_id": what, "type": kind, "timestamp": at, **fields},
    )
