"""What routes share: how they find the service, and what they say in the OpenAPI description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response

from ioebss.serving.schemas import ErrorBody
from ioebss.serving.service import Service

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": text}
    for status, text in {
        400: "malformed",
        401: "no token, or not the right one",
        403: "sent by another web page",
        404: "no such session",
        408: "the body did not arrive in time",
        409: "nothing to undo or redo",
        413: "too large",
        415: "not a photo",
        421: "unknown host name",
        422: "a field is not valid",
        429: "busy; see Retry-After",
        503: "the engine failed",
    }.items()
}


def service_of(request: Request) -> Service:
    """The application's service."""
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(service_of)]


def client_of(request: Request) -> str:
    """Whose turn a request takes when it belongs to no session: its address's."""
    return request.client.host if request.client else ""


def body_of(kinds: Sequence[str], text: str) -> dict[str, Any]:
    """How OpenAPI describes a body of bytes."""
    schema = {"type": "string", "format": "binary"}
    body = {
        "description": text,
        "required": True,
        "content": {k: {"schema": schema} for k in kinds},
    }
    return {"requestBody": body}


def json_answer(data: bytes) -> Response:
    """JSON that is encoded already."""
    return Response(data, media_type="application/json")
