"""Secrets that stand in a flow."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from chaingraph.engine.authoring import NodeError, Secret, node, port

SecretType = Literal[
    "string",
    "openai",
    "0g",
    "anthropic",
    "gemini",
    "coinmarketcap",
    "deepseek",
    "groq",
    "xAPI",
    "xApp",
    "OkxDexApi",
    "alchemy",
    "moonshot",
]


@node(
    name="UnencryptedSecret",
    category="secret",
    title="Unencrypted Secret",
    kind="pure",
    quick=True,
    output="secret",
)
def unencrypted_secret(
    secretType: SecretType | None = None,
    unencryptedData: Annotated[
        dict[str, Any] | None, port(sensitive=True, is_schema_mutable=False)
    ] = None,
) -> Annotated[Secret, port(secret_type="string")]:
    """A secret made of texts by name. Despite the name of the node they are sealed too."""
    texts = {key: each for key, each in (unencryptedData or {}).items() if isinstance(each, str)}
    if not any(texts.values()):
        raise NodeError("There is no secret: its data has no text")
    return Secret(texts)
