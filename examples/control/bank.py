"""A node whose partner is away at first."""

from chaingraph import Context, node


@node(output="balance")
async def ask_the_bank(ctx: Context) -> str:
    """Asks under the same key in every attempt; the third one gets through."""
    if ctx.attempt < 3:
        raise ConnectionError(f"nobody there, attempt {ctx.attempt} with {ctx.idempotency_key}")
    return f"12.50 in attempt {ctx.attempt}"
