"""Ids: fresh random ones, and stable ones that follow from a text."""

from __future__ import annotations

import secrets
from hashlib import sha256

#: letters and digits that cannot be taken for one another
ALPHABET = "346789ABCDEFGHJKLMNPQRTUVWXYabcdefghijkmnpqrtwxyz"


def new_execution_id() -> str:
    return "EX" + random_letters(24)


def new_flow_id() -> str:
    return "V2" + random_letters(24)


def new_event_id() -> str:
    return "EV" + random_letters(24)


def stable_flow_id(name: str) -> str:
    """The id of a flow that brings none: the same name gives the same id."""
    return _derived("V2", 24, name)


def stable_edge_id(edge: str) -> str:
    """The id of an edge that brings none, from its text `a.result -> b.a`."""
    return _derived("ED", 18, edge)


def random_letters(length: int) -> str:
    """So many letters and digits that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _derived(prefix: str, length: int, text: str) -> str:
    number = int.from_bytes(sha256(text.encode()).digest(), "big")
    letters = []
    for _ in range(length):
        number, at = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[at])
    return prefix + "".join(letters)
