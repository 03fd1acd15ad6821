"""Times in the journal are integers: milliseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def from_ms(at: int) -> datetime:
    """An aware UTC time, exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=at)


def maybe_from_ms(at: int | None) -> datetime | None:
    return None if at is None else from_ms(at)
