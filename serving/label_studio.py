"""Label Studio's machine-learning back end: health, setup and predict, as
`label_studio_ml/api.py` of label-studio-ml-backend documents them.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, Request
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ioebss.image_files import decode_photo
from ioebss.replay import replay_steps
from ioebss.serving import brush_rle
from ioebss.serving.errors import ServiceError
from ioebss.serving.label_studio_config import read_config
from ioebss.serving.label_studio_photos import TaskPhoto, TaskPhotos
from ioebss.serving.label_studio_regions import Prompt, make_regions, read_prompt
from ioebss.serving.open_photos import OpenPhotos, advance_steps
from ioebss.serving.responses import REFUSALS, client_of
from ioebss.serving.service import Service
from ioebss.session import Session

OPEN_PHOTOS = 16
OPEN_PART = 4  # of the memory that sessions may have, for these photos besides: a quarter
MAX_TASKS = 1000
router = APIRouter(prefix="/label-studio", tags=["Label Studio"], responses=REFUSALS)


class Params(BaseModel):
    """What comes with the tasks; `context` is there when somebody clicked."""

    context: dict[str, Any] | None = None


class Predict(BaseModel):
    """Tasks to predict. More comes with them and is passed over."""

    tasks: Annotated[list[dict[str, Any]], Field(max_length=MAX_TASKS)]
    label_config: str | None = None
    params: Params | None = None


class Prediction(BaseModel):
    """Regions of one task."""

    result: list[dict[str, Any]]
    model_version: str


class Predictions(BaseModel):
    """Of the task that was clicked on; none where nobody clicked."""

    results: list[Prediction]


class Setup(BaseModel):
    """What runs here."""

    model_version: str


class Health(BaseModel):
    """That it lives."""

    status: str
    model_class: str


class LabelStudio:
    """Predicts in the turns of a service.

    Args:
        service: whose lanes are used.
    """

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self._service = service
        self._tasks = TaskPhotos(
            settings.label_studio, settings.label_studio_key, settings.max_photo_bytes
        )
        self._photos = OpenPhotos(
            service.segmenter, OPEN_PHOTOS, settings.max_session_bytes // OPEN_PART
        )

    @property
    def version(self) -> str:
        """Of the model, for Label Studio to show."""
        release = importlib.metadata.version("ioebss")
        return f"{self._service.segmenter.manifest.name} (ioebss {release})"

    async def predict(
        self, task: dict[str, Any], config: str, prompt: Prompt, client: str
    ) -> Prediction:
        """The mask of what was clicked.

        Raises:
            ServiceError, IoebssError: something that was sent cannot be used, or there is no room.
        """
        control = read_config(config)
        data = task.get("data")
        photo = self._tasks.find(data.get(control.field) if isinstance(data, dict) else None)
        session = await self._session(photo, client)
        if (session.width, session.height) != (prompt.width, prompt.height):
            raise ServiceError(
                422,
                "context",
                f"the photo is {session.width}x{session.height}, the regions say "
                f"{prompt.width}x{prompt.height}",
            )
        clicks = session.validated(prompt.clicks(session.width, session.height))
        with self._service.holding(session, len(clicks)):
            if prompt.brush is None:
                steps = advance_steps(session, clicks)
            else:
                start = await self._service.photos.run(
                    client, partial(brush_rle.decode, prompt.brush, session.height, session.width)
                )
                steps = replay_steps(session, clicks, start)
            # Whoever clicks on the same photo waits for the whole of the other's clicks.
            mask = await self._service.network.run_steps(photo.key, steps)
        label = prompt.label(control)
        regions = await self._service.aside(partial(make_regions, mask, control, label))
        return Prediction(result=regions, model_version=self.version)

    async def _session(self, photo: TaskPhoto, client: str) -> Session:
        if photo.key in self._photos:
            return await self._opened(photo.key, photo.read, client)
        data = await self._service.fetches.run(client, photo.read)
        with self._service.sessions.holding(len(data)):
            return await self._opened(photo.key, lambda: data, client)

    async def _opened(self, key: str, read: Callable[[], bytes], client: str) -> Session:
        open_it = partial(self._photos.session, key, partial(self._decoded, read))
        return await self._service.photos.run(client, open_it)

    def _decoded(self, read: Callable[[], bytes]) -> NDArray[np.uint8]:
        return decode_photo(read(), self._service.settings.max_pixels)[0]


def add_label_studio(app: FastAPI) -> None:
    """Mounts the back end on an application that has its service.

    Raises:
        UsageError: the settings name no address of a Label Studio.
    """
    app.state.label_studio = LabelStudio(app.state.service)
    app.include_router(router)


def _label_studio(request: Request) -> LabelStudio:
    found: LabelStudio = request.app.state.label_studio
    return found


TheLabelStudio = Annotated[LabelStudio, Depends(_label_studio)]


@router.get("/health", summary="Whether the back end lives")
@router.get("/", include_in_schema=False)
async def health() -> Health:
    """Asked for when the back end is connected, and then now and again."""
    return Health(status="UP", model_class="IOEBSS")


@router.post("/setup", summary="A project is connected")
async def setup(found: TheLabelStudio) -> Setup:
    """Nothing is remembered: each request brings its labeling configuration along."""
    return Setup(model_version=found.version)


@router.post("/predict", summary="Smart keypoints to a brush or polygons")
async def predict(request: Request, body: Predict, found: TheLabelStudio) -> Predictions:
    """Label Studio sends all smart keypoints of a task each time one is set. Tasks without any are
    not predicted: there is nothing to go by."""
    context = body.params.context if body.params else None
    result = context.get("result") if context else None
    if not result or not body.tasks:
        return Predictions(results=[])
    if not isinstance(result, list):
        raise ServiceError(422, "context", "context.result must be a list of regions")
    prompt = read_prompt(result)
    prediction = await found.predict(
        body.tasks[0], body.label_config or "", prompt, client_of(request)
    )
    return Predictions(results=[prediction])
