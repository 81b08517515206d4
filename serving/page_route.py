"""The page that people click on: one file, and what it needs."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

FOLDER = Path(__file__).parent / "page"


def add_page(app: FastAPI) -> None:
    """Serves the page at / and its files below /page/."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(FOLDER / "index.html", media_type="text/html")

    app.mount("/page", StaticFiles(directory=FOLDER), "page")
