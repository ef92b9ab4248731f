"""Texts made fit to read: HTML taken out, white space tidied."""

import html
import re
import warnings
from typing import Final

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

_TAGS: Final = (
    "a|abbr|address|article|b|blockquote|body|br|center|code|dd|div|dl|dt|em|font|footer|form|h[1-6]|head|header|hr|html|i"
    "|img|label|li|main|ol|p|pre|script|section|small|span|strong|style|sub|sup|table|tbody|td|th|thead|title|tr|u|ul"
)
_TAG: Final = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>|<!--", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:[a-z]{2,8}\d?|#\d{2,6}|#x[0-9a-f]{2,5});", re.IGNORECASE)
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "td",
        "th",
        "title",
        "tr",
        "ul",
    ]
)
_UNSEEN: Final = frozenset({"script", "style", "template"})
#: Markup longer than this is cut before it is parsed.
MAX_MARKUP: Final = 1_000_000

#: What may stand for HTML in a text, for a quick look at many texts at once.
MAYBE_HTML: Final = "[<&]"


def is_markup(tag: str) -> bool:
    """Whether an element of this name is one that ``html_to_text`` takes out."""
    return _TAG.fullmatch(f"<{tag}>") is not None


def html_to_text(text: str) -> str:
    """The text of what looks like HTML, with blocks on lines of their own; any other text as it is.

    Escaped markup ("&lt;p&gt;") is taken for markup too, since feeds often escape twice.
    """
    if _ENTITY.search(text) and not _TAG.search(text):
        text = html.unescape(text)
    if not _TAG.search(text):
        return text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        soup = BeautifulSoup(text[:MAX_MARKUP], "lxml")
    return "".join(_fragments(soup))


def _fragments(soup: BeautifulSoup) -> list[str]:
    """The strings in order, with line ends around blocks; walks with a stack, as markup may be nested deeply."""
    parts: list[str] = []
    todo: list[PageElement | str] = [soup]
    while todo:
        item = todo.pop()
        if isinstance(item, Tag):
            if item.name in _UNSEEN:
                continue
            if item.name == "br":
                parts.append("\n")
                continue
            edge = ["\n"] if item.name in _BLOCKS else []
            mark = ["- "] if item.name == "li" else []
            todo += [*edge, *reversed(item.contents), *mark, *edge]
        elif isinstance(item, NavigableString):
            if not isinstance(item, PreformattedString):
                parts.append(re.sub(r"\s+", " ", item))
        else:
            parts.append(str(item))
    return parts


def tidy_long(text: str) -> str:
    """Text of several lines: no spaces at the ends of lines, at most one empty line, no control characters."""
    lines = [" ".join(_printable(line).split()) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def tidy_short(text: str) -> str:
    """Text of one line: white space collapsed, no control characters."""
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    return text if text.isprintable() else re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", text)
