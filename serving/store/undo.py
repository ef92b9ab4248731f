"""Undone events, taken out as training does it."""

from collections.abc import Sequence

from serving.store.writes import Document


def without_undone(events: Sequence[Document]) -> list[Document]:
    """One candidate's events, oldest first, without undos and what they undid.

    An undo takes back the latest earlier event on the same posting that is not yet undone. An impression is not the
    candidate's doing and is never undone.

    Args:
        events: in the order of the log; of equal times the earlier in the log is the earlier event.
    """
    ordered = sorted(events, key=lambda event: event["timestamp"])
    kept: list[Document | None] = list(ordered)
    open_: dict[str, list[int]] = {}
    for at, event in enumerate(ordered):
        stack = open_.setdefault(event["posting_id"], [])
        if event["type"] == "undo":
            kept[at] = None
            if stack:
                kept[stack.pop()] = None
        elif event["type"] != "impression":
            stack.append(at)
    return [event for event in kept if event is not None]
