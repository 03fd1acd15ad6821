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
        ["bash", "-c", f"set -m; trap 'kill $(jobs -p)' EXIT\n{script}"],
        cwd=folder,
        env={**os.environ, "PATH": path, "CHAINGRAPH_PORT": port},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.split(between)


def attempts(printed: str) -> list[str]:
    return [" ".join(found) for found in re.findall(r"^(\w+): attempt (\d)", printed, re.MULTILINE)]


@pytest.mark.timeout(120)
def test_every_command_of_the_tutorial_does_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "letters.py").write_text(*blocks("python"))
    (tmp_path / "letters.yaml").write_text(*blocks("yaml"))
    killed, continued, looked, _, _, served, _ = run_in(tmp_path)
    assert attempts(killed) == ["Ada 1", "Bob 1"]
    assert attempts(continued) == ["Ada 1", "Bob 1", "Bob 2", "Cleo 1"]
    assert "events, 0 findings" in looked
    assert attempts((tmp_path / "sent.txt").read_text()) == ["Ada 1", "Bob 1", "Bob 2", "Cleo 1"]
    assert served.count("flow:completed") == 1
