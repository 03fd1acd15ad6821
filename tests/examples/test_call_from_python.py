"""The page about calling a server: its programs, against one."""

from __future__ import annotations

import asyncio
import re
import textwrap
from pathlib import Path

import pytest

from chaingraph.execution.principals import LOCAL
from chaingraph.flow.codec import parse_flow_text
from chaingraph.modes import open_memory_house
from chaingraph.nodes import builtin_catalog
from tests.client.conftest import FLOWS, serving

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "call-from-python.md"


def programs(url: str) -> tuple[str, str]:
    """The blocking program, and the one with an event loop."""
    text = PAGE.read_text().replace("http://localhost:4021", url)
    first, keyed, asynchronous = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    wrapped = f"async def main():\n{textwrap.indent(asynchronous, '    ')}\nasyncio.run(main())"
    return first + textwrap.indent(keyed, "    "), f"import asyncio\n{wrapped}"


def run(program: str) -> None:
    exec(compile(program, str(PAGE), "exec"), {})


async def test_the_programs_do_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    catalog = builtin_catalog()
    async with open_memory_house(catalog) as house, house.working():
        await house.service.import_flow(LOCAL, parse_flow_text(FLOWS[0], "sum", catalog))
        async with serving(house.service) as url:
            blocking, asynchronous = programs(url)
            await asyncio.to_thread(run, blocking)
            assert capsys.readouterr().out == "completed {'result': 43}\n"
            await asyncio.to_thread(run, asynchronous)
    first, *_, last = capsys.readouterr().out.splitlines()
    assert (first, last.split()[1]) == ("0 execution:created", "flow:completed")
