"""The commands of a service that runs: `store`, `keys`, `bundles` and `serve`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving.options import STORE

Answer = dict[str, Any]


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Register the commands."""
    one = command("store", _store, "make a store or bring it up to date; what is in it; drop old parts of its log")
    one.add_argument("what", choices=("migrate", "status", "prune"))
    one.add_argument("--store", required=True, help=STORE)
    one.add_argument("--before", type=int, default=0, help="with prune: the first position to keep")
    one = command("keys", _keys, "make, list and revoke API keys")
    one.add_argument("what", choices=("create", "list", "revoke"))
    one.add_argument("--store", required=True, help=STORE)
    one.add_argument("--scope", action="append", choices=("read", "write", "admin", "people"), default=None)
    one.add_argument("--name", default="", help="with create: whose it is")
    one.add_argument("--key", help="with revoke: its id")
    one = command("bundles", _bundles, "which bundles are there; change to another; go back")
    one.add_argument("what", choices=("list", "activate", "rollback"))
    one.add_argument("name", nargs="?", help="with activate: the bundle's folder in HOME/bundles")
    one.add_argument("--home", type=Path, required=True)
    one.add_argument("--force-gate", action="store_true", help="take a bundle whose validation figures are lower")
    _add_serve(command("serve", _serve, "answer over HTTP, from a bundle and all that was written since"))


def _add_serve(one: argparse.ArgumentParser) -> None:
    one.add_argument("--home", type=Path, required=True, help="folder of the bundles, one of them active")
    one.add_argument("--store", required=True, help=STORE)
    one.add_argument("--run", dest="sockets", type=Path, help="folder of this host's sockets (HOME/run)")
    one.add_argument("--config", type=Path, help="YAML: limits, keys, how it keeps up")
    one.add_argument("--host")
    one.add_argument("--port", type=int)
    one.add_argument("--workers", type=int)
    one.add_argument("--open", action="store_true", help="no key is needed; on loopback only")


def _store(args: argparse.Namespace) -> Answer:
    from serving.store import commands

    found: Answer
    if args.what == "prune":
        found = commands.store_prune(args.store, args.before)
    else:
        found = commands.store_migrate(args.store) if args.what == "migrate" else commands.store_status(args.store)
    for name, value in found.items():
        print(f"{name}: {value}")
    return found


def _keys(args: argparse.Namespace) -> Answer:
    from serving.store import commands

    if args.what == "create":
        found = commands.keys_create(args.store, args.scope or ["read"], args.name)
        print(f"{found['token']}\nThis is shown once. Send it as: Authorization: Bearer TOKEN")
        return found
    if args.what == "revoke":
        return commands.keys_revoke(args.store, args.key)
    listed = commands.keys_list(args.store)
    for one in listed:
        print(f"{one['key_id']}  {','.join(one['scopes'])}  {one['name']}")
    return {"keys": listed}


def _bundles(args: argparse.Namespace) -> Answer:
    from serving import bundle_commands

    if args.what == "activate":
        return bundle_commands.activate_bundle(args.home, args.name, print, args.force_gate)
    if args.what == "rollback":
        return bundle_commands.roll_back(args.home, print)
    return bundle_commands.list_bundles(args.home, print)


def _serve(args: argparse.Namespace) -> Answer:
    import logging

    from serving.config import load_serve_config
    from serving.serve import run_service

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = load_serve_config(args.config)
    asked = {"host": args.host, "port": args.port, "open": True if args.open else None}
    http = config.http.model_validate(config.http.model_dump() | {k: v for k, v in asked.items() if v is not None})
    changed = {"http": http} | ({} if args.workers is None else {"workers": args.workers})
    run_service(
        args.home,
        args.store,
        args.sockets or args.home / "run",
        args.cache,
        config.model_copy(update=changed),
        lambda host, port: print(f"http://{host}:{port}/docs", file=sys.stderr, flush=True),
    )
    return {}
