"""Bodies are taken as far as they may be, and large things are read beside the loop."""

from __future__ import annotations

import threading

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from chaingraph.api.uploads import LARGE, Upload, unhurried


class Sender:
    """Sends the pieces of a body when they are asked for, and then goes away."""

    def __init__(self, *pieces: bytes) -> None:
        self.waiting = [self._message(each, each is not pieces[-1]) for each in pieces]

    def upload(self) -> Upload:
        return Upload(Request({"type": "http", "method": "POST", "headers": []}, self._receive))

    async def _receive(self) -> Message:
        return self.waiting.pop(0) if self.waiting else {"type": "http.disconnect"}

    def _message(self, piece: bytes, more: bool) -> Message:
        return {"type": "http.request", "body": piece, "more_body": more}


async def test_a_body_within_the_limit_is_given_whole() -> None:
    upload = Sender(b"ab", b"cd", b"").upload()
    assert await upload.content(4) == b"abcd"
    assert upload.size == 4


async def test_nothing_is_taken_of_a_body_once_it_is_over_the_limit() -> None:
    sender = Sender(b"ab", b"cd", b"ef", b"")
    upload = sender.upload()
    assert await upload.content(3) is None
    assert len(sender.waiting) == 2
    assert await upload.content(3) is None
    assert len(sender.waiting) == 2
    assert await upload.content(6) == b"abcdef"


async def test_a_sender_who_goes_before_the_end_is_told_of() -> None:
    sender = Sender(b"ab", b"cd")
    del sender.waiting[-1]
    with pytest.raises(ClientDisconnect):
        await sender.upload().content(9)


async def test_only_what_is_large_is_read_in_another_thread() -> None:
    assert await unhurried(LARGE, threading.get_ident) == threading.get_ident()
    assert await unhurried(LARGE + 1, threading.get_ident) != threading.get_ident()
