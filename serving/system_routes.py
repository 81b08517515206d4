"""For those who run the service: whether it lives, and how it does."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel

from ioebss.serving.metrics import KIND
from ioebss.serving.responses import TheService

router = APIRouter(tags=["system"])


class Health(BaseModel):
    """What runs here."""

    status: str
    model: str
    backend: str
    precision: str


@router.get("/healthz", summary="Whether the service lives")
async def health(service: TheService) -> Health:
    """Answers without the network's lane: also when that is busy."""
    segmenter = service.segmenter
    return Health(
        status="ok",
        model=segmenter.manifest.name,
        backend=segmenter.backend,
        precision=segmenter.precision,
    )


@router.get(
    "/metrics",
    response_class=Response,
    summary="Metrics for Prometheus",
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(service: TheService) -> Response:
    """Requests, stages of clicks, sessions, what waits, evictions, the process."""
    return Response(service.metrics.text(), media_type=KIND)
