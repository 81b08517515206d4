"""The service on Ray Serve: several processes, GPUs and machines behind one address.

    serve run ioebss.serving.ray_app:app
    serve run ioebss.serving.ray_app:app min_replicas=2 max_replicas=8 num_gpus=1

A door takes the requests, checks and bounds them, and passes them on. Behind it each replica is the
whole service of `ioebss.serving.app` with an engine of its own. A session lives in one replica,
whose id its own begins with; the door sends its requests there (`ioebss.serving.ray_router`).

When a replica dies its sessions go with it. What was asked of it is answered 503 with Retry-After
(code "replica_lost"), later requests for its sessions 404 ("unknown_session") by another replica:
the client opens the photo again and repeats its clicks. No replica answers for another's session.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    ReplicaUnavailableError,
)
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ioebss.errors import UsageError
from ioebss.serving.access import settings_for
from ioebss.serving.asgi_call import Answered, Asked, ask, asked_in, collect
from ioebss.serving.bodies import Bodies
from ioebss.serving.cli import TOKEN_VARIABLE
from ioebss.serving.errors import error_response
from ioebss.serving.ray_router import OwnerRouter, owner_of, session_prefix
from ioebss.serving.security import Guard
from ioebss.serving.settings import Settings

ONGOING = 512  # requests of a replica at a time: its own queues are full before, and say 429
QUEUED = 256  # requests of a door that wait for a replica
AT_ONCE = {"Retry-After": "1"}


class Options(BaseModel):
    """What `serve run ioebss.serving.ray_app:app KEY=VALUE ...` takes."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(None, description="ONNX file or engine, on every machine (bundled)")
    backend: str = Field("auto", description="inference engine")
    precision: str = Field("auto", description="as of ioebss-serve")
    threads: int | None = Field(None, ge=1, description="CPU threads of a replica's network")
    size: int | None = Field(None, description="longer side of the network's input in pixels")
    min_replicas: int = Field(1, ge=1)
    max_replicas: int | None = Field(None, ge=1, description="min_replicas: no autoscaling")
    target_requests: float = Field(2.0, gt=0, description="of a replica; with more, others start")
    num_cpus: float = Field(1.0, ge=0, description="that Ray reserves for a replica")
    num_gpus: float = Field(0.0, ge=0, description="likewise; 0.5 puts two on a GPU")
    doors: int = Field(1, ge=1, description="processes that take requests")
    sessions: int = Field(64, ge=1, description="of a replica")
    memory: int = Field(2048, ge=1, description="MiB of a replica's sessions")
    seconds: float = Field(60.0, gt=0, description="in which a request is answered")
    token: str | None = Field(None, description=f"better in the environment: {TOKEN_VARIABLE}")
    allow_hosts: str = Field("", description="host names, separated by commas")


class Replica:
    """The service with an engine of its own."""

    def __init__(self, options: dict[str, Any], settings: Settings) -> None:
        from ioebss.segmenter import Segmenter
        from ioebss.serving.app import create_app

        replica = serve.get_replica_context().replica_id.unique_id
        settings = replace(settings, session_prefix=session_prefix(replica))
        self._app = create_app(Segmenter(**options), settings)
        self._running: contextlib.AbstractAsyncContextManager[Any] | None = None

    async def answer(self, asked: Asked) -> Answered:
        """Answers a request as the service alone would."""
        if self._running is None:
            self._running = self._app.router.lifespan_context(self._app)
            await self._running.__aenter__()
        return await ask(self._app, asked)

    def __del__(self) -> None:
        if hasattr(self, "_app"):
            self._app.state.service.close()


class Door:
    """Takes requests, refuses what the settings do not allow, and passes the others on."""

    def __init__(self, replicas: DeploymentHandle[Any], settings: Settings, seconds: float) -> None:
        self._replicas, self._seconds = replicas, seconds
        self._local_only = settings.token is None
        self._app = Guard(Bodies(self._pass_on, settings), settings)

    async def __call__(self, request: Request) -> Response:
        """Called by Ray Serve."""
        if self._local_only and not _is_local(request.scope):
            return error_response(403, "local_only", "without a token only this machine is served")
        try:
            answered = await collect(self._app, request.scope, request.receive)
        except ConnectionError:
            return error_response(400, "client_gone", "the client went away")
        response = Response(answered.body, answered.status)
        response.raw_headers = list(answered.headers)
        return response

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = await asked_in(scope, receive)
        answered = await self._answer(asked)
        start = {"type": "http.response.start", "status": answered.status}
        await send(start | {"headers": list(answered.headers)})
        await send({"type": "http.response.body", "body": answered.body})

    async def _answer(self, asked: Asked) -> Answered:
        handle = self._replicas.options(session_id=owner_of(asked.path))
        try:
            async with asyncio.timeout(self._seconds):
                answered: Answered = await handle.answer.remote(asked)
                return answered
        except (RayActorError, ReplicaUnavailableError, DeploymentUnavailableError):
            text = "the process that had this request is gone; open the photo again"
            return _failure(503, "replica_lost", text, AT_ONCE)
        except BackPressureError:
            return _failure(429, "busy", "too many wait; try again in 1 s", AT_ONCE)
        except TimeoutError:
            text = f"no answer within {self._seconds:g} s; ask what the session's state is"
            return _failure(504, "no_answer", text, AT_ONCE)


def app(arguments: Options | dict[str, Any]) -> serve.Application:
    """Builds the application, for `serve run`, `serve deploy` and `serve.run`.

    Args:
        arguments: `Options`, or what the command line makes of KEY=VALUE.

    Raises:
        UsageError: an unknown option, a value out of range, or a token that is none.
    """
    options = arguments if isinstance(arguments, Options) else _options(arguments)
    token = options.token or os.environ.get(TOKEN_VARIABLE) or None
    allowed = [name for name in options.allow_hosts.split(",") if name]
    host = "0.0.0.0" if token else "127.0.0.1"
    settings = settings_for(host, token, allowed, options.sessions, options.memory)
    names = {"model", "backend", "precision", "threads", "size"}
    replicas = serve.deployment(
        name="Replica",
        **_how_many(options),
        max_ongoing_requests=ONGOING,
        max_queued_requests=QUEUED,
        ray_actor_options={"num_cpus": options.num_cpus, "num_gpus": options.num_gpus},
        request_router_config={"request_router_class": OwnerRouter},
        health_check_period_s=2,
    )(Replica)
    door = serve.deployment(
        name="Door",
        num_replicas=options.doors,
        max_ongoing_requests=QUEUED,
        ray_actor_options={"num_cpus": 0},
    )(Door)
    bound = replicas.bind(options.model_dump(include=names), settings)
    return door.bind(bound, settings, options.seconds)


def _options(arguments: dict[str, Any]) -> Options:
    try:
        return Options.model_validate(arguments)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        known = ", ".join(Options.model_fields)
        raise UsageError(f"{name}: {first['msg']}; the options are {known}") from None


def _how_many(options: Options) -> dict[str, Any]:
    if options.max_replicas is None:
        return {"num_replicas": options.min_replicas}
    if options.max_replicas < options.min_replicas:
        raise UsageError("max_replicas must not be less than min_replicas")
    bounds = {"min_replicas": options.min_replicas, "max_replicas": options.max_replicas}
    scaling = bounds | {"target_ongoing_requests": options.target_requests}
    return {"autoscaling_config": scaling}


def _is_local(scope: Scope) -> bool:
    """Whether a request comes from the machine that it came to."""
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _failure(status: int, code: str, message: str, headers: dict[str, str]) -> Answered:
    response = error_response(status, code, message, headers)
    return Answered(status, tuple(response.raw_headers), bytes(response.body))
