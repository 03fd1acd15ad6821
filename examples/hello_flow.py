"""A flow of two nodes, run in memory; prints its events."""

import asyncio
import sys

from chaingraph import LOCAL, FlowBuilder
from chaingraph.modes import open_memory_house
from chaingraph.nodes import builtin_catalog


async def main() -> None:
    builder = FlowBuilder("hello", builtin_catalog())
    product = builder.add("MathNode", "product", a=6, b=7, operation="multiply")
    builder.add("NumberToStringNode", "text", number=product["result"])

    async with open_memory_house() as house, house.working():
        flow = await house.service.import_flow(LOCAL, builder.build())
        execution_id = await house.service.create(LOCAL, flow.id)
        await house.service.start(LOCAL, execution_id)
        async for events in house.service.follow(LOCAL, execution_id, view="compact"):
            for event in events:
                sys.stdout.write(f"{event.position:3} {event.type}\n")


asyncio.run(main())
