"""Bodies of requests and answers, for validation and for the OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

Coordinate = Annotated[StrictFloat, Field(ge=0, lt=1e6, allow_inf_nan=False)]


class ClickBody(BaseModel):
    """A click: pixel of the photo from the top left; label 1 on the object, 0 off it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"x": 230, "y": 110, "label": 1}]}
    )

    x: Coordinate
    y: Coordinate
    label: Annotated[StrictInt, Field(ge=0, le=1)] = 1


class SetClick(BaseModel):
    """A click, in force or undone."""

    x: int
    y: int
    label: int


class State(BaseModel):
    """A session. `undone` holds the clicks that redo sets again, the next at the end."""

    id: str
    width: int
    height: int
    clicks: list[SetClick]
    can_undo: bool
    can_redo: bool
    undone: list[SetClick]
    started: bool


class OpenMilliseconds(BaseModel):
    """Of opening: waiting and decoding, and preparing the photo for the network."""

    decode: float
    prepare: float


class Opened(State):
    """A session, just opened."""

    model: str
    backend: str
    precision: str
    milliseconds: OpenMilliseconds


class Milliseconds(BaseModel):
    """Of a change: waiting for its turn, the network's input, the network, the mask."""

    queue: float
    input: float
    network: float
    mask: float


class PngMask(BaseModel):
    """A grey PNG of 0 and 255, in base64."""

    format: Literal["png"]
    data: str


class RleMask(BaseModel):
    """COCO's compressed RLE; size is [height, width]."""

    format: Literal["rle"]
    size: list[int]
    counts: str


class PolygonMask(BaseModel):
    """Rings of [x, y] through pixel centres, holes among them: filled by the even-odd rule."""

    format: Literal["polygon"]
    polygons: list[list[list[int]]]


class Answer(BaseModel):
    """A mask. `bbox` is [x, y, width, height], `area` in pixels."""

    width: int
    height: int
    clicks: list[SetClick]
    area: int
    bbox: list[int]
    milliseconds: Milliseconds
    backend: str
    mask: PngMask | RleMask | PolygonMask | None = None


class Changed(State, Answer):
    """A session after a change, with its mask."""


class ErrorDetail(BaseModel):
    """What went wrong: a word for programs, a message for people."""

    code: str
    message: str


class ErrorBody(BaseModel):
    """Every error looks like this."""

    error: ErrorDetail
