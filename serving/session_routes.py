"""Sessions over HTTP: a photo once, then clicks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from ioebss.errors import ImageError
from ioebss.result_files import FORMATS
from ioebss.serving.errors import ServiceError
from ioebss.serving.masks import Format
from ioebss.serving.responses import REFUSALS, TheService, body_of, client_of, json_answer
from ioebss.serving.schemas import Changed, ClickBody, Opened, State

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], responses=REFUSALS)

Name = Annotated[str, Path(alias="id", pattern=r"^[A-Za-z0-9_-]{1,64}$")]
MaskFormat = Annotated[Format, Query(alias="mask", description="how the mask is sent")]
PHOTO_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/bmp",
    "image/tiff",
    "image/gif",
)


@router.post(
    "",
    status_code=201,
    response_model=Opened,
    summary="Open a photo",
    openapi_extra=body_of(PHOTO_TYPES, "the photo's bytes"),
)
async def open_photo(request: Request, service: TheService) -> Response:
    """The photo is the body. What it is, is seen from its bytes."""
    data = await request.body()
    try:
        opened = await service.open(data, client_of(request))
    except ImageError:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise
        text = "the body is a form; send the photo's bytes alone: curl --data-binary @photo.jpg"
        raise ServiceError(415, "not_a_photo", text) from None
    return JSONResponse(opened, 201)


@router.get("/{id}", response_model=State, summary="A session's state")
async def read_state(name: Name, service: TheService) -> Any:
    """Clicks in force, and whether some can be taken back or set again."""
    return service.state(name)


@router.get(
    "/{id}/photo",
    response_class=Response,
    summary="The photo, as it was given",
    responses={200: {"content": {kind: {} for kind in PHOTO_TYPES}}},
)
async def read_photo(name: Name, service: TheService) -> Response:
    """The very bytes, as the type that they are."""
    photo = service.photo(name)
    return Response(photo.data, media_type=photo.kind)


@router.post("/{id}/clicks", response_model=Changed, summary="Click")
async def click(
    name: Name, body: ClickBody, service: TheService, mask: MaskFormat = "png"
) -> Response:
    """Sets a click. The first is on the object."""
    return json_answer(await service.click(name, body.x, body.y, body.label, mask))


@router.post("/{id}/undo", response_model=Changed, summary="Take the last click back")
async def undo(name: Name, service: TheService, mask: MaskFormat = "png") -> Response:
    """The network does not run."""
    return json_answer(await service.undo(name, mask))


@router.post("/{id}/redo", response_model=Changed, summary="Set the click that was undone again")
async def redo(name: Name, service: TheService, mask: MaskFormat = "png") -> Response:
    """The network does not run."""
    return json_answer(await service.redo(name, mask))


@router.post("/{id}/reset", response_model=Changed, summary="Forget all clicks")
async def reset(name: Name, service: TheService, mask: MaskFormat = "png") -> Response:
    """And the mask that the session started from."""
    return json_answer(await service.reset(name, mask))


@router.put(
    "/{id}/start",
    response_model=Changed,
    summary="Start from a mask",
    openapi_extra=body_of(["image/png"], "a mask of the photo's size, grey or indexed"),
)
async def start(
    name: Name, request: Request, service: TheService, mask: MaskFormat = "png"
) -> Response:
    """All clicks are forgotten; the next ones correct the mask."""
    data = await request.body()
    return json_answer(await service.start(name, data, client_of(request), mask))


@router.get(
    "/{id}/start",
    response_class=Response,
    summary="The mask that it started from",
    responses={200: {"content": {"image/png": {}}}},
)
async def read_start(name: Name, service: TheService) -> Response:
    """Of the photo's size, 255 where it is set; 404 if the session started from none."""
    return Response(service.start_mask(name), media_type="image/png")


@router.get(
    "/{id}/result",
    response_class=Response,
    summary="What ioebss-run writes",
    responses={200: {"content": {"image/png": {}, "application/json": {}}}},
)
async def result(
    name: Name,
    service: TheService,
    kind: Annotated[Literal[FORMATS], Query(alias="format")] = "mask",  # type: ignore[valid-type]
) -> Response:
    """Mask, cut-out or overlay as PNG, or JSON with COCO's RLE."""
    media_type = "application/json" if kind == "json" else "image/png"
    return Response(await service.result(name, kind), media_type=media_type)


@router.delete("/{id}", status_code=204, summary="Close a session")
async def delete(name: Name, service: TheService) -> Response:
    """Its photo and masks are forgotten."""
    service.sessions.remove(name)
    return Response(status_code=204)
