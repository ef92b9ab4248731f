"""An ASGI application that tells its process, answers slowly, and dies when asked to."""

import asyncio
import os
from urllib.parse import parse_qs


def create():
    begun = 0  # requests that were to take a while

    async def app(scope, receive, send):
        nonlocal begun
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{answer}.complete"})
            return
        if scope["path"] == "/die":
            os._exit(7)
        seconds = float(parse_qs(scope["query_string"].decode()).get("seconds", ["0"])[0])
        begun += seconds > 0
        answer = begun if scope["path"] == "/begun" else os.getpid()
        await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(answer).encode()})

    return app


def broken():
    raise RuntimeError("this application cannot start")
