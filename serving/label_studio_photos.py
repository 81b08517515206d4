"""The photos of Label Studio's tasks: from the task itself, or from the one Label Studio that was
named when the service was started. Nothing else is ever asked for.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any

from ioebss.errors import UsageError
from ioebss.serving.errors import ServiceError

SECONDS = 10.0  # that Label Studio may say nothing
TOGETHER_SECONDS = 60.0  # that it may take for a photo
PIECE_BYTES = 256 * 1024
MAX_TOKEN_BYTES = 64 * 1024
TOKEN_SECONDS = 240.0  # Label Studio's access tokens live for five minutes
PORTS = {"http": 80, "https": 443}
DATA_URI = re.compile(r"data:image/[a-z0-9.+-]{1,32};base64,", re.IGNORECASE)
LOCAL_FILES = "/data/local-files"


@dataclass(frozen=True)
class TaskPhoto:
    """Where a task's photo comes from.

    Attributes:
        key: that this photo alone has.
        read: its bytes; takes its time, raises `ServiceError`.
    """

    key: str
    read: Callable[[], bytes]


class TaskPhotos:
    """Finds the photos of tasks.

    Args:
        url: of the Label Studio whose photos may be fetched; None fetches none.
        api_key: of it: an access token of the old kind or a personal access token.
        max_bytes: of a photo.

    Raises:
        UsageError: `url` is no address of a web server.
    """

    def __init__(self, url: str | None, api_key: str | None, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._origin = None if url is None else _origin(url)
        self._key = api_key
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._access: tuple[float, str] | None = None
        self._refreshing = threading.Lock()
        if url is not None and self._origin is None:
            raise UsageError(f"{url[:80]} is not the address of a Label Studio: http://HOST:PORT")

    def find(self, value: Any) -> TaskPhoto:
        """The photo that a task names.

        Args:
            value: of the task's data: a data URI, an address at the Label Studio that was named, or
                a path there, such as "/data/upload/1/photo.jpg".

        Raises:
            ServiceError: 422, it is anything else.
        """
        if not isinstance(value, str) or not value:
            raise _refused("the task names no photo")
        start = DATA_URI.match(value)
        if start:
            key = hashlib.sha256(value.encode(errors="replace")).hexdigest()
            return TaskPhoto(key, lambda: self._decoded(value[start.end() :]))
        address = self._address(value)
        return TaskPhoto(address, lambda: self._fetched(address))

    def _address(self, value: str) -> str:
        if self._origin is None:
            hint = "start the service with --label-studio URL"
            if value.startswith(LOCAL_FILES):
                hint += "; files of this machine are never read"
            raise _refused(f"the photo is at Label Studio, and none was named: {hint}")
        if value.startswith("/") and not value.startswith("//"):
            value = _text(self._origin) + value
        # Whitespace and control characters mean different things to different parsers.
        if not re.fullmatch(r"[\x21-\x7e]{1,4096}", value):
            value = urllib.parse.quote(value, safe="%/:?=&#+,;@~!$'()*[]")
        if _origin(value) != self._origin or not re.fullmatch(r"[\x21-\x7e]{1,4096}", value):
            raise _refused("the photo is not at the Label Studio that the service was started for")
        return value.partition("#")[0]

    def _decoded(self, text: str) -> bytes:
        if len(text) * 3 // 4 > self._max_bytes:
            raise _too_large(self._max_bytes)
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise _refused("the task's data URI is not base64") from None

    def _fetched(self, address: str) -> bytes:
        return self._open(urllib.request.Request(address, headers=self._headers()), self._max_bytes)

    def _headers(self) -> dict[str, str]:
        if not self._key:
            return {}
        if self._key.count(".") != 2:
            return {"Authorization": f"Token {self._key}"}
        return {"Authorization": f"Bearer {self._access_token(self._key)}"}

    def _access_token(self, personal: str) -> str:
        """A personal access token is a refresh token, which is changed for one that lives shortly
        (Label Studio's documentation, "Access tokens")."""
        assert self._origin is not None
        with self._refreshing:
            if self._access is None or self._access[0] < time.monotonic():
                request = urllib.request.Request(
                    f"{_text(self._origin)}/api/token/refresh/",
                    json.dumps({"refresh": personal}).encode(),
                    {"Content-Type": "application/json"},
                )
                try:
                    token = str(json.loads(self._open(request, MAX_TOKEN_BYTES))["access"])
                except (ValueError, KeyError, TypeError, RecursionError):
                    raise _refused("Label Studio gave no access token") from None
                self._access = time.monotonic() + TOKEN_SECONDS, token
            return self._access[1]

    def _open(self, request: urllib.request.Request, max_bytes: int) -> bytes:
        try:
            with self._opener.open(request, timeout=SECONDS) as response:
                data = _all_of(response, max_bytes + 1)
        except urllib.error.HTTPError as error:
            error.close()
            raise _refused(f"Label Studio answers {error.code} instead of the photo") from None
        except (OSError, ValueError, http.client.HTTPException) as error:  # time-outs among them
            raise _refused(f"Label Studio cannot be reached: {type(error).__name__}") from None
        if len(data) > max_bytes:
            raise _too_large(max_bytes)
        return data


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to any address at all."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message[str, str],
        newurl: str,
    ) -> None:
        """Follows none: it is the error that its status is."""


def _all_of(response: http.client.HTTPResponse, most: int) -> bytes:
    """An answer's body, or the beginning of it.

    Args:
        most: bytes to read.

    Raises:
        TimeoutError: it takes too long.
    """
    data, end = bytearray(), time.monotonic() + TOGETHER_SECONDS
    while len(data) < most and (piece := response.read1(min(PIECE_BYTES, most - len(data)))):
        data += piece
        if time.monotonic() > end:
            raise TimeoutError
    return bytes(data)


def _origin(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None where there are none, or somebody's name and password."""
    try:
        parts = urllib.parse.urlsplit(address)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or "@" in parts.netloc or "\\" in address:
        return None
    return parts.scheme, parts.hostname, port


def _text(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _refused(message: str) -> ServiceError:
    return ServiceError(422, "no_photo", message)


def _too_large(max_bytes: int) -> ServiceError:
    return ServiceError(413, "too_large", f"the photo is larger than {max_bytes} bytes")
