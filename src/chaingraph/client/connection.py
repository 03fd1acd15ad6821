"""tRPC over HTTP as a client speaks it: calls that are repeated, and streams of one connection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from typing import Any, Final

import httpx

from chaingraph import superjson
from chaingraph.client.patience import Patience
from chaingraph.client.refusals import PASSING, refusal
from chaingraph.errors import BadInput, ServerUnreachable
from chaingraph.trpc.over_sse import EventReader, ServerSent
from chaingraph.trpc.transformer import read_json, write_json

#: Seconds for one try of a call; a server gives up on its database before that.
TRY = httpx.Timeout(15, connect=5)
#: A stream is never silent for so long: it gets pings.
STREAM = httpx.Timeout(60, connect=5)
#: No answer of a ChainGraph server, but of something before it that may find one later.
_GATEWAY: Final = frozenset((429, 502, 503, 504))


class Connection:
    """A server at `url`, which is asked again for `timeout` seconds while it does not answer."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        self.timeout = timeout
        self._url = url.rstrip("/")
        if not self._url.startswith(("http://", "https://")):
            raise BadInput(f"{url} is no address of a server: it begins with http:// or https://")
        self._http = httpx.AsyncClient(
            headers={} if token is None else {"authorization": f"Bearer {token}"},
            timeout=TRY,
            limits=httpx.Limits(max_connections=None),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def query(self, procedure: str, **given: Any) -> Any:
        return await self._call(lambda: self._get(procedure, given, TRY))

    async def mutate(self, procedure: str, **given: Any) -> Any:
        """`given` holds an id under which the server knows a repetition."""
        body = write_json(_written(given)).encode()
        headers = {"content-type": "application/json"}
        url = self._address(procedure)
        return await self._call(
            lambda: self._http.stream("POST", url, content=body, headers=headers)
        )

    async def subscribe(
        self, procedure: str, patience: Patience, **given: Any
    ) -> AsyncGenerator[Any]:
        """The values of a subscription, over one connection.

        Ends when the subscription is complete. Raises ServerUnreachable when the connection is
        lost before; while it lives `patience` is renewed.
        """
        with self._reaching():
            async with self._get(procedure, given, STREAM) as response:
                await self._check_stream(response)
                async with aclosing(_sent(response)) as events:
                    async for event in events:
                        if event.name == "return":
                            return
                        if event.name == "serialized-error":
                            raise refusal(_read(event.data))
                        if event.name != "connected":
                            patience.renew()
                        if event.name == "message":
                            yield _read(event.data)
        raise ServerUnreachable(self._url, "the stream was cut")

    async def _call(self, send: Callable[[], AbstractAsyncContextManager[httpx.Response]]) -> Any:
        patience = Patience(self.timeout)
        while True:
            try:
                with self._reaching():
                    async with send() as response:
                        return await self._answer(response)
            except PASSING as error:
                await patience.spend(error)

    def _get(
        self, procedure: str, given: Mapping[str, Any], timeout: httpx.Timeout
    ) -> AbstractAsyncContextManager[httpx.Response]:
        params = {"input": write_json(_written(given))}
        return self._http.stream("GET", self._address(procedure), params=params, timeout=timeout)

    async def _answer(self, response: httpx.Response) -> Any:
        """The result in a response. Raises the refusal in it."""
        text = await response.aread()
        try:
            content = read_json(text)
            failed = "error" in content
            value = superjson.decode(content["error"] if failed else content["result"]["data"])
            problem = refusal(value) if failed else None
        except (ValueError, LookupError, TypeError):
            raise self._stranger(response) from None
        if problem is not None:
            raise problem
        return value

    async def _check_stream(self, response: httpx.Response) -> None:
        """Raises what an answer says that is no stream."""
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            await self._answer(response)
            raise self._stranger(response)

    def _stranger(self, response: httpx.Response) -> Exception:
        """What an answer means that no ChainGraph server gives."""
        said = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
        if response.status_code in _GATEWAY:
            return ServerUnreachable(self._url, said)
        return BadInput(f"{self._url} is no ChainGraph server: it answers {said}")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise ServerUnreachable(self._url, str(error) or type(error).__name__) from error

    def _address(self, procedure: str) -> str:
        return f"{self._url}/trpc/{procedure}"


def _written(given: Mapping[str, Any]) -> superjson.Envelope:
    """What was not said is left out: the wire does not take null for it."""
    return superjson.encode({name: value for name, value in given.items() if value is not None})


def _read(text: str) -> Any:
    return superjson.decode(read_json(text))


async def _sent(response: httpx.Response) -> AsyncGenerator[ServerSent]:
    reader = EventReader()
    async for chunk in response.aiter_bytes():
        for event in reader.feed(chunk):
            yield event
