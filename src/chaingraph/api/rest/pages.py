"""The page to try the operations from. It needs nothing of the internet."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_FILES: Final = "/docs/files"
#: The page begins with a script of its own text, and its pictures are in its style sheet.
_ALLOWED: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


def add_pages(app: FastAPI) -> None:
    """`/docs`, with Swagger UI as the package brings it."""

    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_FILES}/favicon.png",
        )
        page.headers["content-security-policy"] = _ALLOWED
        return page

    app.mount(_FILES, StaticFiles(packages=[("fastapi_offline", "static")]))
    app.add_route("/docs", docs, include_in_schema=False)
