"""An alert as an Atom feed (RFC 4287): what it brought, the latest first."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree.ElementTree import Element, SubElement, tostring

from recsys.text import normalise
from serving.store.alerts import Alert, Brought

ATOM: Final = "http://www.w3.org/2005/Atom"
MEDIA_TYPE: Final = "application/atom+xml"
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def feed(alert: Alert, brought: Sequence[Brought], store: str, address: str, shows: Callable[[str], bool]) -> bytes:
    """The feed as XML in UTF-8.

    Args:
        alert: whose it is.
        brought: by its mails, the latest first.
        store: name of the store: ids of two boards never meet.
        address: where the feed was asked for.
        shows: whether a posting is still there, by id.
    """
    own = uuid5(NAMESPACE_URL, f"{store}/{alert.created!r}/{alert.alert_id}")
    root = Element("feed", {"xmlns": ATOM})
    _text(root, "id", own.urn)
    _text(root, "title", normalise(alert.document["name"]) or "Job alert")
    _text(root, "updated", _moment(brought[0].at if brought else alert.created))
    SubElement(root, "link", {"rel": "self", "type": MEDIA_TYPE, "href": address})
    _text(SubElement(root, "author"), "name", "Job alerts")
    for one in brought:
        for line in one.content["lines"]:
            if shows(line["posting_id"]):
                _entry(root, own, line, one.at)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _entry(root: Element, own: UUID, line: dict[str, str], at: float) -> None:
    entry = SubElement(root, "entry")
    _text(entry, "id", uuid5(own, line["posting_id"]).urn)
    _text(entry, "title", line["title"])
    _text(entry, "updated", _moment(at))
    if line["url"]:
        SubElement(entry, "link", {"rel": "alternate", "href": _NO_XML.sub("", line["url"])})
    said = [" · ".join(one for one in (line["company"], line["place"]) if one), "; ".join(line["reasons"])]
    _text(entry, "content", "\n".join(one for one in said if one))


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = _NO_XML.sub("", text)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
