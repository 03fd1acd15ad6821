"""What an author may say about a port beyond its type hint: `port`, `output`, `passthrough`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict, Unpack

from chaingraph.flow.ports import Direction


class _Missing:
    """The default of a port that has none; None is a value."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class Options(TypedDict, total=False):
    """Stored under the same names in camel case (`min_length` -> `minLength`)."""

    title: str
    description: str
    required: bool
    min: float
    max: float
    step: float
    integer: bool
    min_length: int
    max_length: int
    pattern: str
    secret_type: str
    sensitive: bool
    is_mutable: bool
    is_schema_mutable: bool
    ui: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class PortOptions:
    """Made by `port`, `output` and `passthrough`; what is not said stays open."""

    default: Any = MISSING
    direction: Direction | None = None
    #: titles of enum options by option id
    titles: Mapping[str, str] = field(default_factory=dict)
    #: stored keys of the port's configuration
    config: Mapping[str, Any] = field(default_factory=dict)

    def then(self, later: PortOptions) -> PortOptions:
        """These options, with what `later` says in place of theirs."""
        return PortOptions(
            self.default if later.default is MISSING else later.default,
            later.direction or self.direction,
            {**self.titles, **later.titles},
            {**self.config, **later.config},
        )


no_options: Final = PortOptions()


def port(
    default: Any = MISSING,
    *,
    direction: str | None = None,
    titles: Mapping[str, str] | None = None,
    **options: Unpack[Options],
) -> Any:
    """Options of a port, as the value of a class attribute or inside `Annotated`.

    Raises TypeError on an unknown option.
    """
    unknown = sorted(options.keys() - Options.__annotations__.keys())
    if unknown:
        raise TypeError(f"unknown port option {unknown[0]!r}")
    return PortOptions(
        default,
        Direction(direction) if direction is not None else None,
        titles or {},
        {_camel(key): value for key, value in options.items()},
    )


def output(default: Any = MISSING, **options: Unpack[Options]) -> Any:
    """An output port: read from the instance after its run."""
    return port(default, direction="output", **options)


def passthrough(
    default: Any = MISSING,
    *,
    titles: Mapping[str, str] | None = None,
    **options: Unpack[Options],
) -> Any:
    """A port that takes a value and gives it on, changed or not."""
    return port(default, direction="passthrough", titles=titles, **options)


def _camel(key: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), key)
