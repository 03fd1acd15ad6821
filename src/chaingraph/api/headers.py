"""What every answer tells browsers not to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURE: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-site",
}
_CONTENT: Final = "content-security-policy"
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
_CACHE: Final = "cache-control"


class SecureHeaders:
    """Answers are not guessed at, framed or kept, unless they say otherwise themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURE.items():
                    headers.setdefault(name, value)
                headers.setdefault(_CACHE, "no-store")
                if not headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault(_CONTENT, _NOTHING)
            await send(message)

        await self._app(scope, receive, secured)
