"""Nodes of the demo: they read a shelf of texts and say what is worth an evening.

    chaingraph run examples/demo/flow.yaml --nodes examples/demo/nodes.py

Everything is written below `.chaingraph/demo`. Each effectful body first adds a line to
`effects.log` there, so that one can see from outside, without the journal, what really ran.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, NamedTuple

from chaingraph import Context, NodeError, node, port

HERE = Path(__file__).parent
FOLDER = Path(".chaingraph/demo")
WORDS_PER_MINUTE = 200

STOP_WORDS = frozenset((HERE / "stop_words.txt").read_text(encoding="utf-8").split())


@dataclass(frozen=True)
class Document:
    """What the demo knows about one text."""

    name: str
    title: str
    words: int
    minutes: float
    longest_sentence: str
    frequencies: dict[str, int]


class Ranking(NamedTuple):
    """The outputs of Rank: one port for each field."""

    ranked: list[Document]
    frequent: dict[str, int]
    minutes: float


@node(category="demo", output="paths")
def list_documents(ctx: Context, folder: str = "texts") -> dict[str, str]:
    """The texts in a folder, by name. A relative folder lies beside this file."""
    note_effect(ctx)
    paths = {path.stem: str(path) for path in sorted((HERE / folder).glob("*.txt"))}
    if not paths:
        raise NodeError(f"There are no texts in {HERE / folder}")
    return paths


@node(category="demo", output="text")
async def read_document(
    path: str, ctx: Context, words_per_second: Annotated[float, port(min=0)] = 120
) -> str:
    """Reads a text at the speed of a fast reader; 0 words per second mean no pause at all."""
    note_effect(ctx)
    text = await asyncio.to_thread(Path(path).read_text, encoding="utf-8")
    words = len(words_of(text))
    if words_per_second:
        await asyncio.sleep(words / words_per_second)
    ctx.log(f"read {words} words of {Path(path).name}")
    return text


@node(category="demo", kind="pure", output="documents")
def measure(texts: dict[str, str]) -> list[Document]:
    """Counts the words of each text, stop words aside, and finds its longest sentence."""
    return [measured(name, text) for name, text in sorted(texts.items())]


@node(category="demo", kind="pure", output="documents")
def merge(shelves: dict[str, list[Document]]) -> list[Document]:
    """The documents of all shelves in one list."""
    return list(chain.from_iterable(shelves[name] for name in sorted(shelves)))


@node(category="demo", kind="pure")
def rank(documents: list[Document], most: int = 12) -> Ranking:
    """The longest document first; the most frequent words and the reading time of all."""
    total: Counter[str] = Counter()
    for document in documents:
        total.update(document.frequencies)
    by_length = sorted(documents, key=lambda each: (-each.words, each.name))
    minutes = round(sum(each.minutes for each in documents), 1)
    return Ranking(by_length, dict(total.most_common(most)), minutes)


@node(category="demo", kind="pure", output="section")
def long_read(documents: list[Document], minutes: float) -> str:
    """A plan for an evening: the longest sentence of each text, in order of length."""
    lines = [f"- {each.title}: “{each.longest_sentence}”" for each in documents]
    head = f"{minutes:g} minutes: make tea first. The longest sentence of each text:"
    return "\n".join(["## A long read", "", head, "", *lines])


@node(category="demo", kind="pure", output="section")
def short_read(documents: list[Document], minutes: float) -> str:
    """Advice for those who have only a moment."""
    shortest = documents[-1].title
    return f"## A short read\n\n{minutes:g} minutes in all. Begin with “{shortest}”."


@node(category="demo", output="written")
def write_report(
    ctx: Context, documents: list[Document], frequent: dict[str, int], section: str, path: str
) -> str:
    """Writes the report whole or not at all, so that writing it again changes nothing."""
    note_effect(ctx)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".draft")
    draft.write_text(report_of(documents, frequent, section), encoding="utf-8")
    draft.replace(target)
    ctx.log(f"wrote {target}")
    return path


@node(category="demo", kind="once", output="announcement")
def announce(path: str, ctx: Context) -> str:
    """Says that the report is there. Nobody wants to be told twice, so it runs at most once."""
    note_effect(ctx)
    announcement = f"The report is in {path}"
    ctx.log(announcement)
    return announcement


def note_effect(ctx: Context) -> None:
    """Add a line to the effects log: who ran, in which attempt, under which key."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    facts = {
        "key": ctx.idempotency_key,
        "node": ctx.node_id,
        "attempt": ctx.attempt,
        "time": round(time.time(), 3),
    }
    with (FOLDER / "effects.log").open("a", encoding="utf-8") as log:
        log.write(json.dumps(facts) + "\n")


def measured(name: str, text: str) -> Document:
    """Everything about one text; its first line is its title."""
    title, _, body = text.strip().partition("\n")
    words = words_of(body)
    return Document(
        name,
        title,
        len(words),
        round(len(words) / WORDS_PER_MINUTE, 1),
        max(sentences_of(body), key=lambda each: len(words_of(each)), default=""),
        dict(Counter(word for word in words if word not in STOP_WORDS)),
    )


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-zà-ÿ]+(?:['\u2019][a-z]+)?", text.lower())


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, each on one line, without quotation marks around it."""
    parts = re.split(r"(?<=[.!?])[\"”]?\s+", " ".join(text.split()))
    return [part.strip(' "“”') for part in parts if part]


def report_of(documents: list[Document], frequent: dict[str, int], section: str) -> str:
    rows = [
        f"| {place} | {each.title} | {each.words} | {each.minutes:g} |"
        for place, each in enumerate(documents, 1)
    ]
    words = ", ".join(f"{word} ({count})" for word, count in frequent.items())
    table = ["| | text | words | minutes |", "|---|---|---|---|", *rows]
    return "\n".join(
        ["# What is on the shelf", "", *table, "", f"Words: {words}.", "", section, ""]
    )
