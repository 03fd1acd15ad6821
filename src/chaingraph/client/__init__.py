"""Clients for a server elsewhere: what it is asked is answered once, however often the wire breaks.

    async with AsyncClient("http://localhost:4021") as client:
        outcome = await client.run("sum")

`Client` is the same for programs without an event loop. Refusals are raised as the classes of
`chaingraph.errors`; a server that cannot be reached for too long is `ServerUnreachable`.
"""

from chaingraph.client.asynchronous import AsyncClient
from chaingraph.client.blocking import Client
from chaingraph.client.outcomes import NodeOutcome, Outcome
from chaingraph.client.records import (
    Event,
    Execution,
    Root,
    Share,
    Status,
    TreeBatch,
    TreeEvent,
    TreeNode,
)

__all__ = [
    "AsyncClient",
    "Client",
    "Event",
    "Execution",
    "NodeOutcome",
    "Outcome",
    "Root",
    "Share",
    "Status",
    "TreeBatch",
    "TreeEvent",
    "TreeNode",
]
