"""What `jobrec store` and `jobrec keys` do."""

from collections.abc import Iterable, Sequence, Set
from itertools import islice
from typing import Any, Final

from sqlalchemy import func, select

from recsys.errors import RequestError
from serving.store.connect import reading
from serving.store.feeds import expire, feeds, remember, vanished
from serving.store.keys import make_key
from serving.store.migration import migrate
from serving.store.model import (
    ALERT_MAILS,
    ALERT_RUN,
    ALERTS,
    CANDIDATES,
    EVENTS,
    HEAD,
    INDEXED,
    KEYS,
    MUTES,
    POSTINGS,
    VECTORS,
)
from serving.store.store import Store
from serving.store.writes import Write

Answer = dict[str, Any]
_AT_ONCE: Final = 10_000


def store_migrate(url: str) -> Answer:
    """`jobrec store migrate`: the revisions that were applied."""
    return {"applied": migrate(url)}


def store_status(url: str) -> Answer:
    """`jobrec store status`: its name, the log, how many there are of each and from each feed, what has vectors."""
    counted = {
        "postings": POSTINGS,
        "candidates": CANDIDATES,
        "mutes": MUTES,
        "events": EVENTS,
        "keys": KEYS,
        "vectors": VECTORS,
    }
    with Store.open(url) as store, reading(store.engine) as connection:
        position, pruned, name = connection.execute(select(HEAD.c.position, HEAD.c.pruned, HEAD.c.store)).one()
        counts = {
            what: int(connection.execute(select(func.count()).select_from(table)).scalar_one())
            for what, table in counted.items()
        }
        indexed = {row.encoder: row.position for row in connection.execute(select(INDEXED))}
        found = {"store": name, "position": position, "pruned": pruned, **counts, "indexed": indexed}
        return found | {"feeds": feeds(store)}


def store_import(store: Store, writes: Iterable[Write]) -> Answer:
    """Stores any number of writes, 10,000 in a transaction: how many were stored, unchanged and so on."""
    counts: Answer = {"position": store.head()}
    left = iter(writes)
    while some := list(islice(left, _AT_ONCE)):
        receipt = store.write(some)
        counts["position"] = max(counts["position"], receipt.position)
        for outcome in receipt.outcomes:
            counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def store_feed(store: Store, writes: Iterable[Write], ids: Set[str], feed: str, most_vanished: float) -> Answer:
    """As ``store_import``, of a feed that was imported before: its postings that are gone from it expire.

    Args:
        store: open.
        writes: all that the feed brings.
        ids: of its postings.
        feed: its name.
        most_vanished: if a larger share of what it brought before is gone, nothing is written.

    Returns:
        as ``store_import``, with how many are gone from the feed (``vanished``) and were ended (``expired``).

    Raises:
        DataError: the feed is empty, or too much is gone from it.
    """
    gone = vanished(store, feed, ids, most_vanished)
    remember(store, feed, ids)
    counts = store_import(store, writes)
    expired = expire(store, gone)
    return counts | {"position": store.head(), "vanished": len(gone.ids), "expired": expired}


def store_prune(url: str, before: int) -> Answer:
    """`jobrec store prune`: drops the log before a position that a bundle covers."""
    with Store.open(url) as store:
        return {"dropped": store.prune(before), "pruned": store.pruned(), "position": store.head()}


def keys_create(url: str, scopes: Sequence[str], name: str = "") -> Answer:
    """`jobrec keys create`: the token is shown this once."""
    token, key = make_key(scopes, name)
    with Store.open(url) as store:
        store.write([Write("key", key.key_id, key.document())])
    return {"token": token, "key_id": key.key_id, "scopes": list(key.scopes)}


def keys_list(url: str) -> list[Answer]:
    """`jobrec keys list`: what is known of each key; no secret, nor its hash."""
    with Store.open(url) as store:
        known = store.keys()
    return [
        {"key_id": one.key_id, "name": one.name, "scopes": list(one.scopes), "created": one.created} for one in known
    ]


def keys_revoke(url: str, key_id: str) -> Answer:
    """`jobrec keys revoke`.

    Raises:
        RequestError: there is no such key.
    """
    with Store.open(url) as store:
        receipt = store.write([Write("key_gone", key_id)])
    if receipt.outcomes == ("missing",):
        raise RequestError(f"there is no key {key_id!r}: see `jobrec keys list`")
    return {"key_id": key_id, "position": receipt.position}


def alerts_status(url: str) -> Answer:
    """`jobrec alerts status`: how many alerts are active, why others are not, and how many mails stand how."""
    c = ALERTS.c
    with Store.open(url) as store, reading(store.engine) as connection:
        counted = connection.execute(select(c.active, func.count()).group_by(c.active))
        active = {bool(row[0]): int(row[1]) for row in counted}
        states = select(ALERT_MAILS.c.state, func.count()).group_by(ALERT_MAILS.c.state).order_by(ALERT_MAILS.c.state)
        mails = {str(state): int(count) for state, count in connection.execute(states)}
        stopped = select(c.why, func.count()).where(c.active.is_(False)).group_by(c.why).order_by(func.count().desc())
        why = {str(why or "by request"): int(count) for why, count in connection.execute(stopped.limit(20))}
        run = connection.execute(select(ALERT_RUN)).one()
    return {
        "active": active.get(True, 0),
        "stopped": why,
        "mails": mails,
        "unfinished_run": None if run.bundle is None else {"bundle": run.bundle, "indexed": int(run.indexed)},
        "at_work": run.holder is not None,
    }
