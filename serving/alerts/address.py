"""Which addresses mails are sent to: those that a header can hold as they are."""

import re
from typing import Final

#: As browsers check it (HTML, "valid e-mail address"): no space, no line break, no comment, no quotes.
ADDRESS: Final = (
    r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$"
)
LONGEST: Final = 254


def check_address(text: str) -> str:
    """The same text.

    Raises:
        ValueError: it is no address; one with a line break would add headers of its sender's own.
    """
    if len(text) > LONGEST or not re.fullmatch(ADDRESS.rstrip("$"), text):
        raise ValueError("must be one e-mail address like name@example.com, in ASCII")
    return text
