"""Mails and pages from templates. What a board or an employer writes is text: it cannot become markup or a header."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from recsys.errors import ConfigError
from recsys.text import normalise
from serving.alerts.settings import AlertSettings
from serving.alerts.token import link
from serving.store.mails import Mail

#: Headers are not folded: a folded address of a page would be encoded, and no mail program would find it.
_POLICY: Final = SMTP.clone(max_line_length=998)
_LONGEST: Final = 150  # characters of a subject
_ENCODED: Final = "=?"  # begins an encoded word: ``email`` would read it, and what it hides may be a line end
_INTRODUCTIONS: Final = {
    "matches": "New since we last wrote, the ones that fit you best first.",
    "discover": "Picked from the whole board, and you have not seen them yet.",
}


class Renderer:
    """Renders the mails of one run; for any thread.

    Args:
        settings: the sender, the addresses of pages, and where templates of the board's own are.
        secret: of the links.

    Raises:
        ConfigError: a template cannot be read.
    """

    def __init__(self, settings: AlertSettings, secret: bytes) -> None:
        self._settings, self._secret = settings, secret
        template = _templates(settings.templates)
        self._html, self._text = template("mail.html.j2"), template("mail.txt.j2")
        self._from = Address(settings.sender_name, addr_spec=settings.sender)

    def mail(self, mail: Mail) -> EmailMessage:
        """The message of a mail that has an address: the same whenever it is rendered."""
        content = mail.content
        unsubscribe = link(self._settings.base_url, self._secret, "unsubscribe", mail.alert_id, content["created"])
        values = self._values(content) | {"unsubscribe": unsubscribe}
        message = EmailMessage(_POLICY)
        message["From"], message["To"] = self._from, Address(addr_spec=content["to"])
        message["Subject"] = values["subject"]
        message["Date"] = format_datetime(datetime.fromtimestamp(int(mail.at), UTC))
        message["Message-ID"] = f"<{mail.message}>"
        message["List-Unsubscribe"] = f"<{unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self._text.render(values), cte="quoted-printable")
        message.add_alternative(self._html.render(values), subtype="html", cte="quoted-printable")
        message.set_boundary(f"=_{mail.message.partition('@')[0]}")
        return message

    def _values(self, content: dict[str, Any]) -> dict[str, Any]:
        lines, name = content["lines"], normalise(content["name"])
        more = "" if len(lines) == 1 else f" and {len(lines) - 1} more"
        if content["kind"] == "discover":
            headline = "One job you may have missed" if len(lines) == 1 else f"{len(lines)} jobs you may have missed"
        else:
            headline = f"{len(lines)} new job{'' if len(lines) == 1 else 's'} for “{name}”"
        return {
            "lines": lines,
            "name": name,
            "headline": headline,
            "introduction": _INTRODUCTIONS[content["kind"]],
            "subject": f"{lines[0]['title'][:_LONGEST]}{more}".replace(_ENCODED, "= ?"),
            "sender_name": self._settings.sender_name,
        }


def unsubscribe_page(name: str, done: bool) -> str:
    """The page that asks whether an alert is to end, or says that it has."""
    title = "You are unsubscribed" if done else "Unsubscribe?"
    return str(_templates(None)("unsubscribe.html.j2").render(title=title, name=normalise(name), done=done))


def _templates(own: Path | None) -> Callable[[str], Any]:
    """Finds templates: the board's own first."""
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, FunctionLoader, StrictUndefined, TemplateError

    def packaged(name: str) -> str | None:
        file = files("serving.alerts").joinpath("templates", name)
        return file.read_text(encoding="utf-8") if file.is_file() else None

    loaders = [FunctionLoader(packaged)] if own is None else [FileSystemLoader(own), FunctionLoader(packaged)]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=lambda name: name is None or not name.endswith(".txt.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]

    def template(name: str) -> Any:
        try:
            return environment.get_template(name)
        except (TemplateError, OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the template {name} cannot be used: {error}") from None

    return template
