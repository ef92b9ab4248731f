"""Makes a mail of a real board as a candidate gets it, and a picture of it at two widths: ``docs/alert-mail.png``.

    python docs/make_alert_mail.py --bundle BUNDLE --config configs/jobviews.yaml --data DIR --candidate ID

The mail is that of a weekly alert of the kind "discover", run as ``jobrec alerts run`` does, and written to a folder.
The picture needs the package playwright, which is no part of the project, and a Chromium: ``--chromium`` says where.
With ``--html FILE`` only the page that would be pictured is written.
"""

import argparse
import email
import json
import tempfile
from email.policy import default
from html import escape
from pathlib import Path

WIDTHS = {"a mail program": 640, "a phone": 375}
SETTINGS = {
    "sender": "jobs@board.example",
    "sender_name": "Board Example",
    "base_url": "https://board.example/api",
    "posting_url": "https://board.example/jobs/{id}",
    "most": 5,
}


def mail_of(bundle: Path, config: Path, data: Path, candidate: str) -> str:
    """The HTML part of the candidate's weekly mail."""
    # here, so that a picture can be made where only a browser and its package are installed
    from serving.alerts.postman import FolderPostman
    from serving.alerts.run import Run
    from serving.alerts.settings import AlertSettings
    from serving.store import Store, migrate
    from serving.store.alerts import AlertBook
    from serving.store.commands import store_import
    from serving.store.from_tables import documents_of
    from training.config import load_config
    from training.train import read

    settings = AlertSettings.model_validate(SETTINGS)
    as_of = float(json.loads((bundle / "manifest.json").read_text())["as_of"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'store.db'}"
        migrate(url)
        with Store.open(url) as store:
            tables = read(load_config(config), data, folder / "rejected.parquet", print, need_postings=False)
            postings = (one for one in documents_of(tables) if one.kind == "posting")
            store_import(store, postings)
            asked = {"name": "Weekly", "kind": "discover", "address": "me@people.example"}
            AlertBook(store).put("weekly", candidate, asked, "weekly")
            out = folder / "mails"
            print(Run(store, bundle, settings, lambda: FolderPostman(out), None, lambda: as_of + 3600).run())
        (file,) = out.glob("*.eml")
        message = email.message_from_bytes(file.read_bytes(), policy=default)
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def page_of(mail: str) -> str:
    """A page that shows a mail at both widths side by side."""
    frames = "".join(
        f'<figure style="margin:0"><figcaption>{name}, {width} pixels</figcaption>'
        f'<iframe width="{width}" height="1240" srcdoc="{escape(mail)}"></iframe></figure>'
        for name, width in WIDTHS.items()
    )
    style = "body{margin:16px;font:14px sans-serif;color:#555}iframe{border:1px solid #bbb;margin-top:8px}"
    return f'<meta charset="utf-8"><style>{style}</style><div style="display:flex;gap:24px">{frames}</div>'


def picture(page: str, out: Path, chromium: str) -> None:
    """The page as a PNG file."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": sum(WIDTHS.values()) + 70, "height": 1310})
        tab.set_content(page)
        tab.wait_for_load_state("load")
        tab.screenshot(path=str(out))
        browser.close()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--candidate")
    parser.add_argument("--html", type=Path, help="write the page only; or, with no --bundle, read it from there")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("alert-mail.png"))
    args = parser.parse_args()
    if args.bundle is None:
        picture(args.html.read_text(encoding="utf-8"), args.out, args.chromium)
        return
    page = page_of(mail_of(args.bundle, args.config, args.data, args.candidate))
    if args.html is not None:
        args.html.write_text(page, encoding="utf-8")
    else:
        picture(page, args.out, args.chromium)


if __name__ == "__main__":
    main()
