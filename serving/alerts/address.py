"""Which addresses mails are sent to: those that a header can hold as they are."""

import re
from typing import Final

#: Dot-atoms (RFC 5322): no space, no line break, no comment, no quotes, no two dots side by side.
ADDRESS: Final = (
    r"^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$"
)
LONGEST: Final = 254
_LONGEST_LOCAL: Final = 64
_ENCODED: Final = "=?"  # begins an encoded word (RFC 2047)


def check_address(text: str) -> str:
    """The same text.

    Raises:
        ValueError: it is no address, or one that no header can be made of: one with a line break would add headers of
            its sender's own.
    """
    fits = len(text) <= LONGEST and text.find("@") <= _LONGEST_LOCAL and _ENCODED not in text
    if not fits or not re.fullmatch(ADDRESS.rstrip("$"), text):
        raise ValueError("must be one e-mail address like name@example.com, in ASCII")
    return text
