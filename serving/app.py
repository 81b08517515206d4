"""The application: routes, and around them what every request goes through."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import AsyncIterator

from fastapi import FastAPI

from ioebss.segmenter import Segmenter
from ioebss.serving import segment_route, session_routes, system_routes
from ioebss.serving.bodies import Bodies
from ioebss.serving.errors import handle_errors
from ioebss.serving.label_studio import add_label_studio
from ioebss.serving.metrics import Measured
from ioebss.serving.page_route import add_page
from ioebss.serving.security import Guard
from ioebss.serving.service import Service
from ioebss.serving.settings import Settings

DESCRIPTION = """Clicks on a photograph to the mask of the object. Coordinates are (x, y) in pixels
of the photo, label 1 on the object, 0 off it. Every error is {"error": {"code", "message"}}."""
SWEEP_SECONDS = 30.0  # between looks for sessions that are too old


def create_app(segmenter: Segmenter, settings: Settings) -> FastAPI:
    """An ASGI application. `app.state.service` is its `Service`.

    Args:
        segmenter: that all sessions use.
        settings: limits and access.
    """
    service = Service(segmenter, settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep(service))
        yield
        sweeping.cancel()
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="IOEBSS",
        description=DESCRIPTION,
        version=importlib.metadata.version("ioebss"),
        docs_url=None,  # its files would come from another server
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    handle_errors(app)
    for module in (session_routes, segment_route, system_routes):
        app.include_router(module.router)
    add_label_studio(app)
    add_page(app)
    # The last is the first that a request meets.
    app.add_middleware(Bodies, settings=settings)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Measured, metrics=service.metrics)
    return app


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        service.sessions.sweep()
