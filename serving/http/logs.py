"""One JSON line a request. Never a profile, never a candidate's id: the route's template stands for the path."""

import logging
import time
from typing import Final, TextIO

import orjson

from serving.http.exchange import Exchange

ACCESS: Final = logging.getLogger("jobrec.access")
ERRORS: Final = logging.getLogger("jobrec.http")


def log_request(exchange: Exchange, milliseconds: float) -> None:
    """Write the line of a request that is over."""
    if not ACCESS.isEnabledFor(logging.INFO):
        return
    line = {
        "time": round(time.time(), 3),
        "request_id": exchange.request_id,
        "method": exchange.method if len(exchange.method) < 16 else "other",
        "route": exchange.route,
        "status": exchange.status,
        "ms": round(milliseconds, 2),
        "key": exchange.key_id,
    }
    ACCESS.info(orjson.dumps(line).decode())


def log_failure(exchange: Exchange, error: BaseException) -> None:
    """A defect of ours: where it happened, without the message, which may hold what a profile says."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    line = {
        "time": round(time.time(), 3),
        "request_id": exchange.request_id,
        "route": exchange.route,
        "error": type(error).__qualname__,
        "at": places[-8:],
    }
    ERRORS.error(orjson.dumps(line).decode())


def write_logs_to(stream: TextIO) -> None:
    """Send both kinds of lines to a stream, as they are."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for logger in (ACCESS, ERRORS):
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
