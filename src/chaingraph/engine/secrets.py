"""Secrets of one run: opened for bodies, sealed again before the journal, kept out of messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote, quote_plus

from chaingraph.engine.graph import Graph
from chaingraph.engine.node import Values
from chaingraph.engine.seams import Vault
from chaingraph.errors import PortError, SecretUnreadable
from chaingraph.flow.ports import Json, Port, PortType
from chaingraph.flow.secrets import (
    MASK,
    Sealed,
    Secret,
    is_sealed,
    sealed_value,
    secret_value,
    texts,
    with_secrets,
)
from chaingraph.flow.transfer import normalise

#: Shorter texts are not looked for in messages: too much would be hidden.
SHORTEST = 4

Keep: TypeAlias = Callable[[Port, Any], Json]
"""Makes of what a body gives what a port holds; raises PortError."""


class Secrets:
    """What the bodies of one run may see, and what nobody else does."""

    def __init__(self, vault: Vault, owner_id: str, graph: Graph) -> None:
        self._vault = vault
        self._owner_id = owner_id
        self._graph = graph
        self._hidden: dict[str, None] = {}

    def opened(self, node_id: str, values: Values) -> Values:
        """The values of a node as its body gets them. Raises SecretUnreadable."""
        ports = self._graph.flow.nodes[node_id].ports
        change = partial(self._open, node_id)
        secret = self._graph.secrets.get(node_id, ())
        opened = {each: with_secrets(ports[each], values.get(each), change) for each in secret}
        return {**values, **opened}

    def keep(self, node_id: str) -> Keep:
        """How what the body of this node gives is kept."""
        return self._kept if node_id in self._graph.secrets else normalise

    def hide(self, text: str) -> str:
        """The text without the secrets that bodies of this run have seen. Safe from any thread."""
        for each in sorted(tuple(self._hidden), key=len, reverse=True):
            text = text.replace(each, MASK)
        return text

    def _open(self, node_id: str, port: Port, value: Any) -> Any:
        sealed: Sealed | None = None
        if is_sealed(value):
            sealed, value = value, self._unsealed(f"{node_id}.{port.id}", value)
        self._see(value)
        if port.type is not PortType.SECRET:
            return value
        try:
            return Secret(value if sealed else secret_value(port, value), sealed)
        except (TypeError, ValueError) as error:
            reason = error.reason if isinstance(error, PortError) else "it has no fields"
            raise PortError(port.id, reason, node_id) from None

    def _unsealed(self, where: str, sealed: Sealed) -> Json:
        try:
            return self._vault.open(sealed, self._owner_id)
        except SecretUnreadable as error:
            raise SecretUnreadable(error.reason, where) from None

    def _kept(self, port: Port, value: Any) -> Json:
        return sealed_value(port, normalise(port, value), self._seal)

    def _seal(self, value: Json) -> Sealed:
        self._see(value)
        return self._vault.seal(value, self._owner_id)

    def _see(self, value: Any) -> None:
        found = (each for each in texts(value) if len(each) >= SHORTEST)
        self._hidden |= dict.fromkeys(_written(found))


def _written(found: Iterable[str]) -> Iterator[str]:
    """Texts, and the ways in which they are written inside others."""
    for text in found:
        yield from (text, repr(text)[1:-1], json.dumps(text)[1:-1], quote(text), quote_plus(text))
