"""`jobrec alerts`: send what is new, and see how the ledger stands."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recsys.errors import ConfigError
from serving.options import STORE

Answer = dict[str, Any]


def add(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Registers the command."""
    one = command("alerts", _alerts, "send candidates what is new for their alerts; how the mails stand")
    one.add_argument("what", choices=("run", "status"))
    one.add_argument("--store", required=True, help=STORE)
    where = one.add_mutually_exclusive_group()
    where.add_argument("--home", type=Path, help="with run: folder of the bundles, one of them active")
    where.add_argument("--bundle", type=Path, help="with run: a bundle by itself")
    one.add_argument("--config", type=Path, help="YAML: sender, mail server, templates: docs/alerts.md")
    one.add_argument("--out", type=Path, help="with run: write mails as .eml files into this folder, send none")


def _alerts(args: argparse.Namespace) -> Answer:
    from serving.store import Store
    from serving.store.commands import alerts_status

    if args.what == "status":
        found = alerts_status(args.store)
    else:
        with Store.open(args.store) as store:
            found = _run(args, store)
    for name, value in found.items():
        print(f"{name}: {value}")
    return found


def _run(args: argparse.Namespace, store: Any) -> Answer:
    import sys

    from serving.alerts.postman import FolderPostman, Postman, SmtpPostman
    from serving.alerts.run import Run, encode_by
    from serving.alerts.settings import load_alert_settings

    settings, bundle = load_alert_settings(args.config), _bundle(args)
    if args.out is None:
        settings.check_sending()

    def postman() -> Postman:
        return SmtpPostman(settings.smtp) if args.out is None else FolderPostman(args.out)

    began = time.perf_counter()
    encode = None if settings.alike is None else encode_by(bundle, args.cache)
    done = Run(
        store, bundle, settings, postman, encode, say=lambda line: print(line, file=sys.stderr, flush=True)
    ).run()
    return done | {"all_seconds": round(time.perf_counter() - began, 1)}


def _bundle(args: argparse.Namespace) -> Path:
    from serving.bundles import Home

    if args.bundle is not None:
        return Path(args.bundle)
    if args.home is None:
        raise ConfigError("alerts run needs --home HOME or --bundle BUNDLE")
    active = Home(args.home).active()
    if active is None:
        raise ConfigError(f"no bundle is active in {args.home}: jobrec bundles activate NAME --home {args.home}")
    return active
