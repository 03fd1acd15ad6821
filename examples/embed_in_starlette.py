"""The executor inside an application of yours: `uvicorn examples.embed_in_starlette:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from chaingraph import open_house
from chaingraph.api.app import build_app
from chaingraph.settings import read_settings


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with open_house(read_settings()) as house, house.working():
        app.mount("/chaingraph", build_app(house.service))
        yield


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("My application; the executor is at /chaingraph/trpc")


app = Starlette(routes=[Route("/", home)], lifespan=lifespan)
