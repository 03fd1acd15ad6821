"""The commands of docs/tutorial.md, as they stand there, in one shell."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
PORT = "4021"


def blocks(language: str) -> list[str]:
    text = PAGE.read_text().partition("## A node")[2]
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def run_in(folder: Path) -> list[str]:
    """What each console block printed."""
    between = "the next block"
    commands = "".join(f"{block}$ echo {between}\n" for block in blocks("console"))
    port = free_port()
    script = re.sub(r"^\$ ", "", commands, flags=re.MULTILINE).replace(PORT, port)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"set -m\n{script}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "CHAINGRAPH_PORT": port},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.split(between)


@pytest.mark.timeout(120)
def test_every_command_of_the_tutorial_does_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "letters.py").write_text(*blocks("python"))
    (tmp_path / "letters.yaml").write_text(*blocks("yaml"))
    killed, continued, looked, _, subscribed, resumed, _ = run_in(tmp_path)
    assert [line[:14] for line in re.findall(r"^\w+: attempt .*", killed, re.MULTILINE)] == [
        "Ada: attempt 1",
        "Bob: attempt 1",
    ]
    assert [line[:15] for line in re.findall(r"^\w+: attempt .*", continued, re.MULTILINE)][2:] == [
        "Bob: attempt 2,",
        "Cleo: attempt 1",
    ]
    assert "150 events, 0 findings" in looked
    assert "node:started" in subscribed
    assert resumed.count("flow:completed") == 1
