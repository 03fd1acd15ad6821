"""`chaingraph tokens`: what callers of a server show to be let in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from chaingraph.cli.json_lines import print_objects, record_object
from chaingraph.cli.options import AsJson, command, new_app
from chaingraph.cli.problems import note
from chaingraph.cli.show import local_time, print_table
from chaingraph.errors import BadInput, TokenNotFound
from chaingraph.execution.principals import ALL_SCOPES, LOCAL, Role, Scope
from chaingraph.execution.times import maybe_from_ms
from chaingraph.settings import Settings, age

if TYPE_CHECKING:
    from chaingraph.execution.identity import Token

app = new_app("Make, list and revoke tokens.")

#: Whoever means for ever leaves the option out.
LONGEST_LIFE = timedelta(days=36_500)

Expires: TypeAlias = Annotated[
    str | None, typer.Option("--expires", metavar="AGE", help="Good for so long: 30d, 12h, 90m.")
]
Name: TypeAlias = Annotated[str, typer.Option("--name", metavar="LABEL", help="What it is for.")]


@command(app, "create")
async def create(
    settings: Settings,
    user: Annotated[str, typer.Option("--user", metavar="ID", help="Whose it is.")],
    role: Annotated[Role, typer.Option("--role", help="What they are.")] = Role.USER,
    scopes: Annotated[
        list[Scope] | None,
        typer.Option("--scope", help="What it is good for; may be repeated. Without any: all."),
    ] = None,
    expires: Expires = None,
    name: Name = "",
    as_json: AsJson = False,
) -> None:
    """Make a token and print it, this once. A user that is not known is added."""
    from chaingraph.execution.identity import User, hash_of, new_token
    from chaingraph.modes import open_house

    life = _life(expires)
    async with open_house(settings) as house:
        token, text = new_token(
            user, role, scopes or ALL_SCOPES, created_at=house.clock(), life=life, name=name
        )
        if await house.accounts.user(user) is None:
            await house.accounts.add_user(User(user, role))
        await house.tokens.add(token, hash_of(text))
    _print_once(token, text, as_json)


@command(app, "share")
async def share(
    settings: Settings,
    execution_id: Annotated[str, typer.Argument(metavar="EXECUTION_ID")],
    expires: Expires = None,
    name: Name = "",
    as_json: AsJson = False,
) -> None:
    """Make a token to watch one execution, for 7 days if nothing else is said."""
    from chaingraph.execution.sharing import Sharing
    from chaingraph.modes import open_house

    life = _life(expires)
    async with open_house(settings) as house:
        sharing = Sharing(house.journal, house.tokens, house.clock)
        token, text = await sharing.share(LOCAL, execution_id, expires_in=life, name=name)
    _print_once(token, text, as_json)


@command(app, "list")
async def list_(settings: Settings, as_json: AsJson = False) -> None:
    """All tokens without their texts, newest first."""
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        found, now = await house.tokens.list(), house.clock()
    if as_json:
        print_objects(map(_object, found))
        return
    headers = ("ID", "USER", "ROLE", "SCOPES", "STATE", "EXPIRES", "EXECUTION", "NAME")
    print_table(headers, [_row(each, now) for each in found])


@command(app, "revoke")
async def revoke(
    settings: Settings,
    token: Annotated[str, typer.Argument(metavar="ID", help="Or the whole token.")],
) -> None:
    """Make a token good for nothing."""
    from chaingraph.execution.identity import token_id
    from chaingraph.modes import open_house

    known_by = token_id(token) or token
    if known_by.startswith("cg_"):
        raise BadInput("That is no whole token; its id, between the two _, is enough")
    async with open_house(settings) as house:
        if not await house.tokens.revoke(known_by):
            raise TokenNotFound(known_by)
    typer.echo(f"Token {known_by} is revoked")


def _life(expires: str | None) -> timedelta | None:
    if expires is None:
        return None
    life = age(expires)
    if not timedelta(0) < life <= LONGEST_LIFE:
        raise BadInput(f"--expires {expires} is not between 1s and {LONGEST_LIFE.days}d")
    return life


def _print_once(token: Token, text: str, as_json: bool) -> None:
    if as_json:
        print_objects([{**_object(token), "token": text}])
    else:
        typer.echo(text)
    note(f"The token {token.id} is not shown again; keep it now.")


def _object(token: Token) -> dict[str, Any]:
    times = ("createdAt", "expiresAt", "revokedAt")
    found = record_object(token) | {"scopes": sorted(token.scopes)}
    return found | {name: maybe_from_ms(found[name]) for name in times}


def _row(token: Token, now: int) -> tuple[str, ...]:
    return (
        token.id,
        token.user_id,
        token.role,
        ",".join(sorted(token.scopes)),
        _state(token, now),
        local_time(maybe_from_ms(token.expires_at)),
        token.execution_id or "",
        token.name,
    )


def _state(token: Token, now: int) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "good" if token.is_good(now) else "expired"
