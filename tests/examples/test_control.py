"""The pages of docs/control: their examples are files, and their commands do what they say.

A page's `console` blocks are run in one shell, in a folder with the examples. Each line of a `text`
block is found in what was printed, in this order; `…` stands for anything.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "control").glob("*.md"))
EXAMPLES = sorted(each for each in (ROOT / "examples" / "control").iterdir() if each.is_file())


def blocks(page: Path, *languages: str) -> list[str]:
    wanted = "|".join(languages)
    return re.findall(rf"^```(?:{wanted})\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def run_in(folder: Path, commands: Sequence[str]) -> list[str]:
    """The lines that the commands printed."""
    script = re.sub(r"^\$ ", "", "".join(commands), flags=re.MULTILINE)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"set -m; trap 'kill $(jobs -p) 2>/dev/null' EXIT\n{script}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "CHAINGRAPH_PORT": free_port()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def missing(expected: Sequence[str], printed: Sequence[str]) -> str | None:
    """The first expected line that does not come in its turn."""
    lines = iter(" ".join(line.split()) for line in printed)
    for line in expected:
        parts = (" ".join(part.split()) for part in line.split("…"))
        pattern = re.compile(".*".join(map(re.escape, parts)))
        if not any(pattern.search(each) for each in lines):
            return line
    return None


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    for example in EXAMPLES:
        shutil.copy(example, tmp_path)
    printed = run_in(tmp_path, blocks(page, "console"))
    expected = "".join(blocks(page, "text")).splitlines()
    assert expected and missing(expected, printed) is None, "\n".join(printed)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_every_example_stands_on_a_page_as_it_is(example: Path) -> None:
    shown = [block for page in PAGES for block in blocks(page, "yaml", "python")]
    assert example.read_text() in shown


def test_pages_show_no_flow_and_no_program_but_the_examples() -> None:
    shown = {block for page in PAGES for block in blocks(page, "yaml", "python")}
    assert shown == {example.read_text() for example in EXAMPLES}


@pytest.mark.parametrize(
    "printed, line",
    [(["a  b 1 c", "d"], None), (["d", "a b c"], "d"), (["a b"], "a … c")],
)
def test_lines_are_looked_for_in_their_order(printed: list[str], line: str | None) -> None:
    assert missing(["a … c", "d"], printed) == line
