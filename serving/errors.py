"""Errors as clients see them: {"error": {"code": ..., "message": ...}}, whatever went wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from ioebss.errors import (
    BackendError,
    ClickError,
    ImageError,
    IoebssError,
    PhotoSizeError,
    UsageError,
)
from ioebss.serving.headers import HEADERS

_LOG = logging.getLogger("ioebss")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SHOWN = 3  # invalid fields named in one message


class ServiceError(HTTPException):
    """A request that is refused.

    Args:
        status: of HTTP.
        code: for programs: a word that stays.
        message: for people: what to do.
        retry_after: seconds after which the same request may be accepted.
    """

    def __init__(
        self, status: int, code: str, message: str, retry_after: int | None = None
    ) -> None:
        headers = None if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, message, headers)
        self.code = code


def error_response(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer that tells of an error."""
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status, headers=dict(headers or {}))


def handle_errors(app: FastAPI) -> None:
    """Makes every error of an application an answer of this shape."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(IoebssError, _known)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unknown)


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = error.code if isinstance(error, ServiceError) else _word(error.status_code)
    headers = error.headers
    if error.status_code == 405:  # the framework names the methods of one route of several
        headers = {"Allow": ", ".join(_methods(request))}
    return error_response(error.status_code, code, error.detail, headers)


def _methods(request: Request) -> list[str]:
    """What the path that was asked for allows, by what its routes say of other methods."""
    scope = dict(request.scope)
    allowed = []
    for method in METHODS:
        scope["method"] = method
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            allowed.append(method)
    return allowed


def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Names fields and rules; what was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return error_response(400, "malformed", "the body is not JSON")
    texts = [f"{'.'.join(map(str, one['loc']))[:80]}: {one['msg'][:160]}" for one in found[:SHOWN]]
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return error_response(422, "invalid", "; ".join(texts) + more)


def _known(request: Request, error: Exception) -> JSONResponse:
    """Errors of the runtime, whose messages are made for people."""
    if isinstance(error, ClickError):
        return error_response(422, "click_refused", str(error))
    if isinstance(error, PhotoSizeError):
        return error_response(413, "too_many_pixels", str(error))
    if isinstance(error, ImageError):
        return error_response(415, "not_a_photo", str(error))
    if isinstance(error, UsageError):
        return error_response(422, "refused", str(error))
    _LOG.error("%s %r: %s", request.method, request.url.path, error)
    if isinstance(error, BackendError):
        return error_response(503, "engine_failed", "the engine failed; see the service's log")
    return error_response(500, "failed", "the service failed; see its log")


def _gone(request: Request, error: Exception) -> JSONResponse:
    return error_response(400, "client_gone", "the client went away")  # nobody reads it


def _unknown(request: Request, error: Exception) -> JSONResponse:
    """Sent from outside of all middleware, the guard too; what failed is logged by the server."""
    return error_response(500, "failed", "the service failed; see its log", HEADERS)


def _word(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    except ValueError:
        return "error"
