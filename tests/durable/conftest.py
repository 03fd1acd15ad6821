"""The backends with a database, as the conformance tests make them."""

from __future__ import annotations

from tests.conformance.conftest import sql_only, upgraded_template

__all__ = ["sql_only", "upgraded_template"]
