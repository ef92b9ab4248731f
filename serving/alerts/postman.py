"""How a mail leaves: to an SMTP server, or into a folder. Says of each whether it was taken, and how sure that is."""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from hashlib import blake2b
from pathlib import Path
from typing import Final, Literal, Protocol

from recsys.errors import JobrecError
from serving.alerts.settings import SmtpSettings

#: Called at the last moment before a mail may be taken; False: it is not to be sent after all.
Begin = Callable[[], bool]
Steps = Callable[[str], None]
_DOT: Final = re.compile(rb"^\.", re.MULTILINE)
_OURS: Final = re.compile(rb"5\.[3457]\.\d")  # RFC 3463: of the system, the network, the protocol, a policy
_SESSION: Final = (500, 501, 502, 503, 504, 521, 530, 534, 535, 538)  # would be said to any address


class PostUnavailable(JobrecError):
    """Nothing can be sent now."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mail.

    Attributes:
        kind: "sent"; "later": certainly not taken, but may be another time; "refused": for good; "unsure": no answer
            came after all of it was sent; "dropped": it was not to be sent.
        reply: what the server said.
    """

    kind: Literal["sent", "later", "refused", "unsure", "dropped"]
    reply: str = ""


class Postman(Protocol):
    """One connection, of one thread."""

    def carry(self, message: EmailMessage, begin: Begin) -> Outcome:
        """Sends one mail.

        Raises:
            PostUnavailable: nothing can be sent now; ``begin`` was not called.
        """
        ...

    def close(self) -> None:
        """Gives the connection up."""
        ...


class FolderPostman:
    """Writes mails as files into a folder, under names made from their Message-ID: again, it is the same file.

    Args:
        folder: made if missing.
        steps: told of each step, see ``serving.alerts.run``.
    """

    def __init__(self, folder: Path, steps: Steps = lambda step: None) -> None:
        self._folder, self._steps = folder, steps
        folder.mkdir(parents=True, exist_ok=True)

    def carry(self, message: EmailMessage, begin: Begin) -> Outcome:
        """As in ``Postman``."""
        if not begin():
            return Outcome("dropped")
        name = blake2b(str(message["Message-ID"]).encode(), digest_size=16).hexdigest()
        temporary = self._folder / f"{name}.tmp"
        try:
            temporary.write_bytes(message.as_bytes())
            self._steps("data")
            temporary.rename(self._folder / f"{name}.eml")
        except OSError as error:
            return Outcome("later", f"{self._folder}: {error.strerror}")
        self._steps("accepted")
        return Outcome("sent")

    def close(self) -> None:
        """Nothing to do."""


class SmtpPostman:
    """One connection to a server, used again for the next mail, made again where it was lost.

    Args:
        settings: of the server.
        steps: told of each step.
    """

    def __init__(self, settings: SmtpSettings, steps: Steps = lambda step: None) -> None:
        self._settings, self._steps = settings, steps
        self._client: smtplib.SMTP | None = None

    def carry(self, message: EmailMessage, begin: Begin) -> Outcome:
        """As in ``Postman``. What is lost before the last byte was handed over was certainly not taken."""
        sender, to = message["From"].addresses[0].addr_spec, message["To"].addresses[0].addr_spec
        offered = self._offer(sender, to)
        if offered is not None:
            return offered
        if not begin():
            self._reset()
            return Outcome("dropped")
        client = self._connected()
        try:
            code, reply = client.docmd("DATA")
            if code != 354:
                return self._answer(code, reply)
            client.send(_stuffed(message.as_bytes()))
        except (OSError, smtplib.SMTPException) as error:
            return self._lost("later", error)
        self._steps("data")
        try:
            code, reply = client.getreply()
        except (OSError, smtplib.SMTPException) as error:
            return self._lost("unsure", error)
        self._steps("accepted")
        return self._answer(code, reply)

    def _offer(self, sender: str, to: str) -> Outcome | None:
        """Sender and address; None where the server takes both."""
        client = self._connected()
        try:
            code, reply = client.mail(sender)
            if code != 250:  # it does not like us, or not now: no fault of this address
                self._reset()
                return Outcome("later", _words(code, reply))
            code, reply = client.rcpt(to)
            return None if code in (250, 251) else self._answer(code, reply)
        except (OSError, smtplib.SMTPException) as error:
            return self._lost("later", error)

    def _answer(self, code: int, reply: bytes) -> Outcome:
        if code // 100 == 2:
            return Outcome("sent", _words(code, reply))
        if code == 421:
            self.close()
        else:
            self._reset()
        return Outcome("refused" if _for_good(code, reply) else "later", _words(code, reply))

    def _lost(self, kind: Literal["later", "unsure"], error: Exception) -> Outcome:
        self._drop()
        return Outcome(kind, f"the connection was lost: {error}")

    def _reset(self) -> None:
        if self._client is None:
            return
        try:
            self._client.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def _connected(self) -> smtplib.SMTP:
        if self._client is None:
            try:
                self._client = _connect(self._settings)
            except (OSError, smtplib.SMTPException) as error:
                where = f"{self._settings.host}:{self._settings.port}"
                raise PostUnavailable(f"the mail server {where} cannot be used: {error}") from None
        return self._client

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def close(self) -> None:
        """As in ``Postman``."""
        if self._client is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):  # it may be gone already, and nothing is lost
                self._client.quit()
        self._drop()


def _connect(settings: SmtpSettings) -> smtplib.SMTP:
    where, context = (settings.host, settings.port), ssl.create_default_context()
    if settings.security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=settings.seconds, context=context)
    else:
        client = smtplib.SMTP(*where, timeout=settings.seconds)
    try:
        if settings.security == "starttls":
            client.starttls(context=context)
        client.ehlo_or_helo_if_needed()
        if settings.user is not None:
            client.login(settings.user, settings.password())
    except BaseException:
        client.close()
        raise
    return client


def _for_good(code: int, reply: bytes) -> bool:
    """Whether a refusal is of this address or mail. A relay that does not know us says no to everybody, in 5xx, too."""
    return code // 100 == 5 and code not in _SESSION and not _OURS.match(reply)


def _stuffed(payload: bytes) -> bytes:
    """The bytes of DATA with their end (RFC 5321, 4.5.2)."""
    whole = _DOT.sub(b"..", payload)
    return whole + (b"" if whole.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _words(code: int, reply: bytes) -> str:
    return f"{code} {reply.decode('utf-8', 'replace')}".replace("\n", " ")[:500]
