"""Strangers' bytes at every door: mutations of what real clients sent, and mere noise."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.feeding import TARGETS
from tests.fuzz.pace import UNHURRIED
from tests.fuzz.seeds import SEEDS

ROOT = Path(__file__).parents[2]
RUNS = 5_000


@pytest.mark.parametrize("name", TARGETS)
def test_what_real_clients_sent_is_taken(name: str) -> None:
    for seed in SEEDS[name]():
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@UNHURRIED
@given(data=st.data())
def test_a_real_message_with_a_wound_breaks_nothing(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(list(SEEDS[name]())))
    start, length = data.draw(st.integers(0, len(seed))), data.draw(st.integers(0, 3))
    wound = data.draw(st.binary(max_size=4) | st.sampled_from([b"\\", b".", b'"', b"null", b"\n"]))
    TARGETS[name](seed[:start] + wound + seed[start + length :])


@pytest.mark.parametrize("name", TARGETS)
@UNHURRIED
@given(noise=st.binary(max_size=200))
def test_noise_breaks_nothing(name: str, noise: bytes) -> None:
    TARGETS[name](noise)


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", TARGETS)
def test_a_fuzzer_that_follows_the_branches_finds_nothing(name: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[name]()):
        (corpus / str(number)).write_bytes(seed)
    options = [f"-runs={RUNS}", "-seed=1", "-max_len=4096", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, "-m", "tests.fuzz.targets", name, *options, str(corpus)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
