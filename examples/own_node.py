"""A node of your own: `chaingraph run FLOW --nodes examples/own_node.py`."""

from collections import Counter

from chaingraph import Context, node


@node(kind="pure", quick=True, category="text", title="Most Frequent Word")
def most_frequent_word(text: str, min_length: int = 4) -> str:
    """The word that occurs most often among those of at least `min_length` letters."""
    words = (word.strip(".,;:!?").lower() for word in text.split())
    counts = Counter(word for word in words if len(word) >= min_length)
    return counts.most_common(1)[0][0] if counts else ""


@node(kind="effect", category="text", title="Publish")
async def publish(text: str, ctx: Context) -> str:
    """Pretends to publish a text somewhere; the key is the same if a crash makes it run again."""
    ctx.log(f"publishing {len(text)} characters")
    return ctx.idempotency_key
