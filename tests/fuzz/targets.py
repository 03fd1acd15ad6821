"""The same with a fuzzer that sees which branches it takes.

    python -m tests.fuzz.targets superjson -runs=1000000 corpus/

A name of `TARGETS`, then options of libFuzzer and a directory of examples to start from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module


def main(arguments: Sequence[str]) -> None:
    program, name, *options = arguments
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["chaingraph"]):
        targets = import_module("tests.fuzz.feeding").TARGETS
    atheris.Setup([program, *options], targets[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
