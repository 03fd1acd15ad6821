"""`chaingraph users`: who there is, and who they are elsewhere."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from chaingraph.cli.json_lines import print_objects
from chaingraph.cli.options import AsJson, command, new_app
from chaingraph.cli.show import print_table
from chaingraph.errors import NotFound
from chaingraph.execution.principals import Role
from chaingraph.settings import Settings

app = new_app("List and add users, and link their accounts elsewhere.")

UserId: TypeAlias = Annotated[str, typer.Argument(metavar="ID")]
Provider: TypeAlias = Annotated[str, typer.Argument(metavar="PROVIDER")]
ExternalId: TypeAlias = Annotated[str, typer.Argument(metavar="EXTERNAL_ID")]


@command(app, "list")
async def list_(settings: Settings, as_json: AsJson = False) -> None:
    """All users with their accounts."""
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        found = [
            (user, [(each.provider, each.external_id) for each in accounts])
            for user, accounts in await house.accounts.list()
        ]
    if as_json:
        names = ("provider", "externalId")
        print_objects(
            {
                "id": user.id,
                "role": user.role,
                "accounts": [dict(zip(names, a, strict=True)) for a in accounts],
            }
            for user, accounts in found
        )
        return
    rows = [(user.id, user.role, ", ".join(map(":".join, accounts))) for user, accounts in found]
    print_table(("ID", "ROLE", "ACCOUNTS"), rows)


@command(app, "add")
async def add(
    settings: Settings,
    user_id: UserId,
    role: Annotated[Role, typer.Option("--role", help="What they are.")] = Role.USER,
) -> None:
    """Add a user, or give a known one this role."""
    from chaingraph.execution.identity import User
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        await house.accounts.add_user(User(user_id, role))
    typer.echo(f"{user_id} has the role {role}")


@command(app, "link")
async def link(
    settings: Settings,
    user_id: Annotated[str, typer.Argument(metavar="USER")],
    provider: Provider,
    external_id: ExternalId,
) -> None:
    """Let an account elsewhere mean this user: what it owns is theirs."""
    from chaingraph.execution.identity import Account
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        await house.accounts.link(Account(user_id, provider, external_id))
    typer.echo(f"{external_id} at {provider} is {user_id}")


@command(app, "unlink")
async def unlink(settings: Settings, provider: Provider, external_id: ExternalId) -> None:
    """Let an account elsewhere mean nobody."""
    from chaingraph.modes import open_house

    async with open_house(settings) as house:
        if not await house.accounts.unlink(provider, external_id):
            raise NotFound(f"Nobody has the account {external_id} at {provider}")
    typer.echo(f"{external_id} at {provider} is nobody")
