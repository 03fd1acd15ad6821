"""The options that every command takes, before it or after it, and how a command is made."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import typer

from chaingraph.cli.logs import log_to_stderr
from chaingraph.cli.problems import reported
from chaingraph.errors import BadInput
from chaingraph.settings import Settings, read_settings


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the embedded database lives (CHAINGRAPH_DATA_DIR)."),
]
Db: TypeAlias = Annotated[
    str | None,
    typer.Option("--db", metavar="URL", help="A database (CHAINGRAPH_DATABASE_URL)."),
]
Nodes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--nodes", metavar="FILE_OR_MODULE", help="Nodes of your own; may be repeated."),
]
LogLevelOption: TypeAlias = Annotated[
    LogLevel | None, typer.Option("--log-level", help="What goes to stderr (CHAINGRAPH_LOG_LEVEL).")
]
LogFormatOption: TypeAlias = Annotated[
    LogFormat | None, typer.Option("--log-format", help="Lines or JSON (CHAINGRAPH_LOG_FORMAT).")
]
Server: TypeAlias = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="A server elsewhere (CHAINGRAPH_SERVER)."),
]
Token: TypeAlias = Annotated[
    str | None, typer.Option("--token", help="Who calls that server (CHAINGRAPH_TOKEN).")
]
ExecutionId: TypeAlias = Annotated[str, typer.Argument(metavar="ID")]
IdOrFile: TypeAlias = Annotated[
    str, typer.Argument(metavar="ID", help="Or a file that an execution was exported to.")
]
IdempotencyKey: TypeAlias = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same key and input: the same execution again."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Inputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="NODE.PORT=VALUE",
        help="Text for string and enum ports, else JSON; @FILE reads a file. May be repeated.",
    ),
]


@dataclass(frozen=True, slots=True)
class Given:
    """The common options as they were given; None where they were not."""

    data_dir: Path | None = None
    db: str | None = None
    nodes: list[str] | None = None
    log_level: LogLevel | None = None
    log_format: LogFormat | None = None
    server: str | None = None
    token: str | None = None

    def over(self, settings: Settings) -> Settings:
        """The settings with what was given here; nodes are added."""
        flows_database = settings.flows_database if self.db is None else ""
        return replace(
            settings,
            data_dir=self.data_dir or settings.data_dir,
            database=settings.database if self.db is None else self.db,
            flows_database=flows_database,
            nodes=(*settings.nodes, *(self.nodes or ())),
            log_level=self.log_level or settings.log_level,
            log_format=self.log_format or settings.log_format,
            server=settings.server if self.server is None else self.server,
            token=settings.token if self.token is None else self.token,
        )


def new_app(help: str, *, completion: bool = False) -> typer.Typer:
    """A group of commands; its help is plain text in a pipe."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=completion,
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
        pretty_exceptions_enable=False,
    )


Outcome: TypeAlias = int | None
Body = TypeVar("Body", bound=Callable[..., Outcome | Coroutine[Any, Any, Outcome]])


def command(app: typer.Typer, name: str, *, remote: bool = False) -> Callable[[Body], Body]:
    """Add `body(settings, ...)` as a command that takes the common options too.

    A `remote` one also takes those that name a server.

    The body may be a coroutine function; it returns its exit code, None for 0. An error ends the
    command with one sentence.
    """

    common_options = _COMMON | _REMOTE if remote else _COMMON

    def add(body: Body) -> Body:
        def call(context: typer.Context, **given: Any) -> None:
            common = Given(**{key: given.pop(key) for key in common_options})
            with reported():
                settings = _settings(context.obj or Given(), common)
                outcome = body(settings, **given)
                if inspect.iscoroutine(outcome):
                    outcome = asyncio.run(outcome)
            raise typer.Exit(outcome or 0)  # type: ignore[arg-type]

        _, *own = inspect.signature(body, eval_str=True).parameters.values()
        context = inspect.Parameter(
            "context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
        )
        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [context, *(each.replace(kind=context.kind) for each in own), *common_options.values()]
        )
        call.__doc__ = body.__doc__
        app.command(name)(call)
        return body

    return add


def _common(
    *,
    data_dir: DataDir = None,
    db: Db = None,
    nodes: Nodes = None,
    log_level: LogLevelOption = None,
    log_format: LogFormatOption = None,
) -> None:
    """Stands for the common options: only its signature is used."""


def _remote(*, server: Server = None, token: Token = None) -> None:
    """Stands for the options that name a server."""


_COMMON = dict(inspect.signature(_common, eval_str=True).parameters)
_REMOTE = dict(inspect.signature(_remote, eval_str=True).parameters)


def _settings(before: Given, after: Given) -> Settings:
    try:
        settings = after.over(before.over(read_settings()))
    except ValueError as error:
        raise BadInput(f"A variable of the environment cannot be read: {error}") from None
    log_to_stderr(settings.log_level, settings.log_format)
    return settings
