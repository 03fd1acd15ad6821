"""How long a property may take: as long as the machine needs, for others may be working on it."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, settings

UNHURRIED: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
