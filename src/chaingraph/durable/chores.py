"""What workers do for the database from time to time, as the settings say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from chaingraph import metrics
from chaingraph.durable.database import Database
from chaingraph.durable.expire import expire_unstarted
from chaingraph.durable.prune import Retention, retain
from chaingraph.execution.worker import Chore

log = logging.getLogger(__name__)

RETAIN_SECONDS = 3_600.0
EXPIRE_SECONDS = 30.0


def chores(
    database: Database,
    retention: Retention,
    start_timeout: timedelta | None,
    *,
    ring: Callable[[str], None],
    clock: Callable[[], int],
) -> tuple[Chore, ...]:
    """Retention and the end of what was never started; only what is wanted."""

    async def keep_less() -> None:
        gone = await retain(database, retention, clock=clock)
        if gone:
            log.info("retention deleted %d trees", len(gone))

    async def expire() -> None:
        assert start_timeout is not None
        for execution_id in await expire_unstarted(database, start_timeout, clock=clock):
            metrics.scanner_findings.labels("unstarted").inc()
            ring(execution_id)

    wanted = []
    if not retention.keeps_all:
        wanted.append(Chore(RETAIN_SECONDS, keep_less))
    if start_timeout is not None:
        wanted.append(Chore(EXPIRE_SECONDS, expire))
    return tuple(wanted)
