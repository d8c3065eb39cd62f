"""The application: every router, every error's shape, the edge around them."""

from __future__ import annotations

from fastapi import FastAPI

from fairlead.api import openapi, problems
from fairlead.api.edge import Edge
from fairlead.bootstrap import Resources


def create_app(resources: Resources) -> FastAPI:
    """Return the ASGI application on `resources`, which the caller opens before and closes after."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.resources = resources
    for router in (*openapi.NOUNS, openapi.router):
        app.include_router(router)
    problems.install(app)
    app.add_middleware(Edge)
    return app
