"""How often one caller may call."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from chaingraph.errors import BadInput, TooManyCalls


class Rate:
    """So many calls in so much time, for each caller; counted in this process."""

    def __init__(self, limit: str) -> None:
        """`limit` is written as `100/second` or `6000 per 5 minutes`. Raises BadInput."""
        self._limit = _parsed(limit)
        self._calls = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, caller: str) -> None:
        """One more call. Raises TooManyCalls for one that is too many; it does not count."""
        if not self._calls.hit(self._limit, caller):
            reset = self._calls.get_window_stats(self._limit, caller).reset_time
            raise TooManyCalls(str(self._limit), max(1, math.ceil(reset - time.time())))


def _parsed(limit: str) -> RateLimitItem:
    try:
        return parse(limit)
    except ValueError:
        raise BadInput(f"{limit!r} is no rate; write it as 100/second or 6000/minute") from None
