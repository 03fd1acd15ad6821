"""What a server speaks: its procedures, and how values and errors are written."""

from __future__ import annotations

from dataclasses import dataclass

from chaingraph.trpc.codes import Describe
from chaingraph.trpc.router import Router
from chaingraph.trpc.transformer import Transformer


@dataclass(frozen=True, slots=True)
class Wire:
    """The same for every connection and request of one endpoint."""

    router: Router
    transformer: Transformer
    describe: Describe
    method_override: bool = False
    """Whether queries and subscriptions may be POSTed too, with their input in the body."""
