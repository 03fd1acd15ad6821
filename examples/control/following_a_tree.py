"""A reader of a tree that goes away after every batch, and comes back with the cursor it has."""

import asyncio
from contextlib import aclosing

from chaingraph import LOCAL, FlowBuilder
from chaingraph.execution.service import Service
from chaingraph.modes import open_memory_house
from chaingraph.nodes import builtin_catalog


async def read_some(service: Service, execution_id: str, cursor: str | None) -> str | None:
    """Print one batch; the cursor after it, or None at the end of the tree."""
    stream = service.follow_tree(LOCAL, execution_id, cursor=cursor)
    async with aclosing(stream):
        async for batch in stream:
            for each in batch.events:
                print(each.execution_id, each.event.position, each.event.type)
            return batch.cursor
    return None


async def main() -> None:
    catalog = builtin_catalog()
    builder = FlowBuilder("shop", catalog)
    builder.add("EventEmitterNode", "order", eventName="ordered", payload={"item": "tea"})
    heard = builder.add("EventListenerNodeV2", "heard", eventName="ordered")
    builder.add("ObjectNode", "shelf", object=heard["eventPayload"])

    async with open_memory_house(catalog) as house, house.working():
        flow = await house.service.import_flow(LOCAL, builder.build())
        execution_id = await house.service.create(LOCAL, flow.id)
        await house.service.start(LOCAL, execution_id)
        cursor = await read_some(house.service, execution_id, None)
        while cursor is not None:
            cursor = await read_some(house.service, execution_id, cursor)


asyncio.run(main())
