"""How alerts are made and sent: one YAML file, beside that of the service."""

import os
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from recsys.config import Settings
from recsys.errors import ConfigError
from recsys.faults import first_fault
from serving.alerts.address import check_address

_HERE: Final = ("localhost", "127.0.0.1", "::1")


class SmtpSettings(Settings):
    """The server that takes the mails.

    Attributes:
        host, port: where it is.
        security: starttls: the connection is encrypted before anything is sent; tls: from its first byte; none: never,
            for a server on the same machine.
        user: to log in with; null: nobody logs in.
        password_env: the environment variable that holds the password.
        connections: so many mails are under way at once.
        seconds: the longest wait for an answer.
    """

    host: str = Field("localhost", min_length=1)
    port: int = Field(25, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "none"
    user: str | None = None
    password_env: str = "JOBREC_SMTP_PASSWORD"
    connections: int = Field(4, ge=1, le=100)
    seconds: float = Field(30, gt=0, le=600)

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.user is not None and self.security == "none":
            raise ValueError("user: a password is sent over an encrypted connection only: set security")
        return self

    def password(self) -> str:
        """The password of ``user``.

        Raises:
            ConfigError: the variable is not set.
        """
        found = os.environ.get(self.password_env)
        if not found:
            raise ConfigError(f"smtp.user is set, but the environment variable {self.password_env} holds no password")
        return found


class AlertSettings(Settings):
    """What an alert brings, how it looks, and how it is sent.

    Attributes:
        base_url: where this service is reached from outside; links to unsubscribe begin with it.
        posting_url: where a posting is read that names no address of its own, with {id} for its id.
        sender, sender_name: whom mails come from.
        templates: a folder with templates of the board's own (mail.html.j2, mail.txt.j2); null: those that come along.
        most: postings in one mail.
        listed: an alert that names neither filters nor words brings what would stand among so many of the candidate's
            list.
        alike: a posting whose title is as alike to the words of an alert (cosine of their vectors) matches, too; null:
            only the words count.
        set_aside: an alert whose address was refused for good so often in a row is not looked after any more.
        attempts: a mail that is not accepted now is offered so often in one run.
        backoff_seconds: before the second attempt; doubled before each further one.
        minutes: a run ends after so many; what is left is for the next.
        lease_seconds: a run that was killed holds up the next one for so long.
        resume_hours: a run that was not finished is taken up again, with equal answers, if it began no longer ago.
        reach_days: an alert that could not be served for longer gets what is new of so many days once it can.
        keep_days: a mail that was sent, or ended otherwise, stays in the ledger for so long, and so in the feed.
        chunk: alerts that are matched at once.
        smtp: the server that takes the mails.
    """

    base_url: str = "http://127.0.0.1:8000"
    posting_url: str | None = None
    sender: str = "jobs@localhost.localdomain"
    sender_name: str = "Job alerts"
    templates: Path | None = None
    most: int = Field(10, ge=1, le=100)
    listed: int = Field(50, ge=1, le=1000)
    alike: float | None = Field(0.7, gt=0, le=1)
    set_aside: int = Field(3, ge=1, le=100)
    attempts: int = Field(3, ge=1, le=20)
    backoff_seconds: float = Field(5, ge=0, le=600)
    minutes: float = Field(50, gt=0, le=1440)
    lease_seconds: float = Field(60, gt=0, le=3600)
    resume_hours: float = Field(6, ge=0, le=168)
    reach_days: float = Field(14, ge=8, le=365)  # more than a week, after which a weekly alert is due
    keep_days: float = Field(30, ge=1, le=3650)
    chunk: int = Field(1000, ge=1, le=10_000)
    smtp: SmtpSettings = SmtpSettings()

    @field_validator("sender")
    @classmethod
    def _address(cls, value: str) -> str:
        return check_address(value)

    @field_validator("sender_name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must be one line")
        return value

    @field_validator("base_url", "posting_url")
    @classmethod
    def _web(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://x")
        if parts.scheme not in ("http", "https") or not parts.netloc or not (value or "x").isprintable():
            raise ValueError("must begin with http:// or https:// and a host")
        return value.rstrip("/") if value else value

    @field_validator("posting_url")
    @classmethod
    def _names_the_posting(cls, value: str | None) -> str | None:
        if value is not None and "{id}" not in value:
            raise ValueError("must hold {id}")
        return value

    def check_sending(self) -> None:
        """Before anything leaves this machine.

        Raises:
            ConfigError: nobody who reads a mail could unsubscribe.
        """
        here = urlsplit(self.base_url).hostname in _HERE
        if here and self.smtp.host not in _HERE:
            raise ConfigError(
                f"base_url is {self.base_url}: links to unsubscribe would lead to the reader's own machine; set it to"
                f" where this service is reached from outside before mails go to {self.smtp.host}"
            )

    @property
    def domain(self) -> str:
        """Of the sender; message ids end with it."""
        return self.sender.rpartition("@")[2]


def load_alert_settings(path: Path | None) -> AlertSettings:
    """The settings in a YAML file; the defaults where no file is given.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or holds a key or value that is not known.
    """
    if path is None:
        return AlertSettings()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        return AlertSettings.model_validate({} if values is None else values)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())[:300]}") from None
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_fault(error, AlertSettings)}") from None
