"""Times in the journal are integers: milliseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def from_ms(at: int) -> datetime:
    """An aware UTC time, exact to the millisecond."""
    return datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)


def maybe_from_ms(at: int | None) -> datetime | None:
    return None if at is None else from_ms(at)
