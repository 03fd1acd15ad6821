"""What a secret is: named texts that are sealed wherever a flow is kept, sent or shown.

Sealed it is `{"encrypted", "hkdfNonce", "publicKey"}`, each in base64; how that is done is not
known here. Secret are ports of type `secret`, and as a whole those that are marked `sensitive`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeAlias

from chaingraph.errors import PortError
from chaingraph.flow.ports import Json, Port, PortType

Sealed: TypeAlias = Mapping[str, str]

MASK: Final = "**********"
_SEAL: Final = frozenset(("encrypted", "hkdfNonce", "publicKey"))
_API_KEYS: Final = ("openai", "anthropic", "gemini", "coinmarketcap", "deepseek", "groq")
#: The fields of a secret of each type; those of other types are not known here.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "string": ("value",),
    **dict.fromkeys((*_API_KEYS, "moonshot", "alchemy"), ("apiKey",)),
}


class Secret:
    """A secret as a body holds it. Only `reveal` and `fields` show what it is."""

    __slots__ = ("_fields", "_sealed")

    def __init__(self, value: str | Mapping[str, str], sealed: Sealed | None = None) -> None:
        self._fields = {"value": value} if isinstance(value, str) else dict(value)
        self._sealed = sealed

    def reveal(self) -> str:
        """The text of a secret that has one field. Raises ValueError for any other."""
        if len(self._fields) != 1:
            raise ValueError(f"this secret has {len(self._fields)} fields; ask `fields` for one")
        return next(iter(self._fields.values()))

    @property
    def fields(self) -> Mapping[str, str]:
        """Its texts by name: `secret.fields["apiKey"]`."""
        return MappingProxyType(self._fields)

    @property
    def sealed(self) -> Sealed | None:
        """The form in which it came; None for one that was made by a body."""
        return self._sealed

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(frozenset(self._fields.items()))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


def is_sealed(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and value.keys() == _SEAL
        and all(isinstance(each, str) for each in value.values())
    )


def secret_value(port: Port, value: Any) -> dict[str, str]:
    """What a secret port is given: a sealed secret as it is, any other as its fields by name.

    A text is the only field there is. Raises PortError, which does not show what it was given.
    """
    if isinstance(value, Secret):
        value = value.sealed or (value.reveal() if len(value.fields) == 1 else value.fields)
    if is_sealed(value):
        return dict(value)
    names = FIELDS.get(str(port.config.get("secretType") or "string"))
    if isinstance(value, str) and names is not None:
        return {names[0]: str(value)}
    if _is_of_texts(value) and (names is None or set(names) == value.keys()):
        return dict(value)
    wanted = "texts by name" if names is None else f"the text {names[0]}, or that text alone"
    given = type(value).__name__
    raise PortError(port.id, f"expected a secret: an object with {wanted}; got {given}")


def _is_of_texts(value: Any) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    return all(isinstance(each, str) for pair in value.items() for each in pair)


def is_sensitive(port: Port) -> bool:
    """Whether all that the port holds is sealed, of whatever type it is."""
    return port.config.get("sensitive") is True


def marked_sensitive(port: Port) -> Port:
    return replace(port, config={**port.config, "sensitive": True})


def holds_secrets(port: Port) -> bool:
    """Whether a value of this port is secret, or has something secret in it."""
    # Asked of every port of every flow: the usual one costs no further call.
    if port.type is PortType.SECRET or port.config.get("sensitive") is True:
        return True
    if port.properties:
        return any(map(holds_secrets, port.properties.values()))
    return port.item is not None and holds_secrets(port.item)


def with_secrets(port: Port, value: Any, change: Callable[[Port, Any], Any]) -> Any:
    """A value of the port, with what `change` makes of each secret in it."""
    if value is None:
        return None
    if port.type is PortType.SECRET or is_sensitive(port):
        return change(port, value)
    if port.item is not None and isinstance(value, list):
        return [with_secrets(port.item, each, change) for each in value]
    if port.properties and isinstance(value, Mapping):
        known = port.properties
        return {
            key: with_secrets(known[key], each, change) if key in known else each
            for key, each in value.items()
        }
    return value


def sealed_value(port: Port, value: Any, seal: Callable[[Json], Sealed]) -> Any:
    """A value of the port with its secrets sealed. What is sealed, or has no text, stays."""

    def change(port: Port, value: Any) -> Any:
        if is_sealed(value) or not any(texts(value)):
            return value
        return seal(value)

    return with_secrets(port, value, change)


def texts(value: Any) -> Iterator[str]:
    """All texts in a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list | tuple | set):
        for each in value:
            yield from texts(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def masked(value: Any) -> Any:
    """A value as people see it: a mask in place of every sealed secret."""
    if is_sealed(value):
        return MASK
    if isinstance(value, Mapping):
        return {key: masked(each) for key, each in value.items()}
    return [masked(each) for each in value] if isinstance(value, list) else value


def has_open_default(port: Port) -> bool:
    """Whether a secret stands in the definition of the port, where nothing is sealed."""
    inside = [port, *_inside(port)]
    if port.type is PortType.SECRET or is_sensitive(port):
        return any(_is_open(each.default) for each in inside)
    found: list[Any] = []
    with_secrets(port, port.default, lambda _, value: found.append(value))
    return any(map(_is_open, found)) or any(
        has_open_default(each) for each in inside[1:] if holds_secrets(each)
    )


def _is_open(value: Any) -> bool:
    return not is_sealed(value) and any(texts(value))


def _inside(port: Port) -> Iterator[Port]:
    for each in (*port.properties.values(), *([port.item] if port.item is not None else ())):
        yield each
        yield from _inside(each)
