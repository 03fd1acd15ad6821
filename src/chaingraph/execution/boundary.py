"""Named points at the durable boundaries, where tests cut a process short.

In production the hook is empty and a boundary costs one call.
"""

from __future__ import annotations

from collections.abc import Callable


def _pass(name: str) -> None:
    return None


_hook: Callable[[str], None] = _pass


def reached(name: str) -> None:
    """The process is at the boundary `name`."""
    _hook(name)


def set_hook(hook: Callable[[str], None] | None) -> None:
    """Call `hook` at every boundary; None removes it."""
    global _hook
    _hook = hook or _pass
