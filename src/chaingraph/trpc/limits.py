"""How much one client may ask for at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """What is over a limit is refused in words that name it, and takes nothing else with it."""

    stranger: int = 64 * 1024
    """Characters of a WebSocket message, or bytes of a body, of a caller who is not known; what
    is larger is not read, and gets UNAUTHORIZED."""
    body: int = 16 * 1024 * 1024
    """Bytes of a request's body; else each call that reads it gets PAYLOAD_TOO_LARGE."""
    url_input: int = 32 * 1024
    """Characters of the input in a URL; else the same."""
    batch: int = 100
    """Calls in one HTTP request; else BAD_REQUEST for all of them."""
    message: int = 16 * 1024 * 1024
    """Characters of a WebSocket message; else the socket is closed with 1009."""
    requests: int = 5_000
    """Members of a WebSocket message that is an array; else BAD_REQUEST and none of them runs.

    A client that comes back sends all its subscriptions in one such message.
    """
    subscriptions: int = 1_000
    """Live subscriptions of one socket; a further one gets TOO_MANY_REQUESTS."""
    calls: int = 1_000
    """Queries and mutations of one socket without an answer yet; the same."""


DEFAULT_LIMITS: Final = Limits()
