"""Mails as the ledger keeps them, and what can happen to one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from serving.store.writes import Document, canonical

Kind = Literal["begin", "sent", "fed", "later", "unsure", "refused", "dropped"]


@dataclass(frozen=True)
class Mail:
    """One mail of the ledger.

    Attributes:
        message: its Message-ID, without brackets.
        alert_id: whose it is.
        content: what it is made from: "to" (None: for the feed alone), "name", "kind", "lines", "created".
        upto: position of the log up to which its alert is served by it.
        at: moment of the run, seconds since 1970.
        due: not to be sent before.
        tries: refusals that may pass.
        unsure: how often no answer came.
    """

    message: str
    alert_id: str
    content: Document
    upto: int
    at: float
    due: float = 0.0
    tries: int = 0
    unsure: int = 0

    @property
    def postings(self) -> list[str]:
        """Ids of what it brings."""
        return [line["posting_id"] for line in self.content["lines"]]


@dataclass(frozen=True)
class Step:
    """What happened to a mail.

    Attributes:
        kind: what.
        mail: as it was before.
        reply: what a server said.
        due: of "later" and "unsure": not before, seconds since 1970.
    """

    kind: Kind
    mail: Mail
    reply: str = ""
    due: float = 0.0


def with_lines(mail: Mail, lines: Sequence[Document]) -> Mail:
    """The same mail with other lines."""
    return replace(mail, content=mail.content | {"lines": list(lines)})


def served_row(mail: Mail) -> dict[str, Any]:
    """How its alert moves on: parameters of the statement that does so."""
    return {"a": mail.alert_id, "p": mail.upto, "s": mail.at}


def mail_row(mail: Mail) -> dict[str, Any]:
    """Its first row in the table of mails."""
    return {
        "message": mail.message, "alert": mail.alert_id, "state": "planned", "content": canonical(mail.content),
        "upto": mail.upto, "at": mail.at, "due": mail.due, "tries": 0, "unsure": 0, "reply": "",
    }  # fmt: skip


def posting_rows(mail: Mail) -> list[dict[str, str]]:
    """Its rows in the table of postings."""
    return [{"alert": mail.alert_id, "posting": one, "message": mail.message} for one in mail.postings]
