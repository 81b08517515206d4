"""A photo and all its clicks in one request; nothing is kept."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic.json_schema import SkipJsonSchema

from ioebss.click_files import RawClick, check_clicks
from ioebss.serving.errors import ServiceError
from ioebss.serving.masks import Format
from ioebss.serving.responses import REFUSALS, TheService, client_of, json_answer
from ioebss.serving.schemas import Answer

MAX_CLICKS_TEXT = 64 * 1024  # characters
EXAMPLE = '[{"x": 230, "y": 110, "label": 1}, {"x": 20, "y": 20, "label": 0}]'
router = APIRouter(prefix="/v1", tags=["stateless"], responses=REFUSALS)


@router.post("/segment", response_model=Answer, summary="A photo and its clicks to a mask")
async def segment(
    request: Request,
    service: TheService,
    photo: Annotated[UploadFile, File(description="the photo")],
    clicks: Annotated[str, Form(max_length=MAX_CLICKS_TEXT, examples=[EXAMPLE])],
    start: Annotated[
        UploadFile | SkipJsonSchema[None], File(description="a mask to start from")
    ] = None,
    mask: Annotated[Format, Query(description="how the mask is sent")] = "png",
) -> Response:
    """The clicks are set one after the other, as a person would; the mask is the last one's."""
    given = _clicks(clicks)
    first = None if start is None else await start.read()
    data = await photo.read()
    return json_answer(await service.segment(data, given, first, client_of(request), mask))


def _clicks(text: str) -> list[RawClick]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise ServiceError(400, "malformed", f"clicks is not JSON; write {EXAMPLE}") from None
    return check_clicks(value, "clicks")
