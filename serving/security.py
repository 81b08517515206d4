"""Who may ask: host names, origins and the token; and the headers that keep browsers careful."""

from __future__ import annotations

import base64
import hmac
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ioebss.errors import UsageError
from ioebss.serving.errors import error_response
from ioebss.serving.headers import HEADERS
from ioebss.serving.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
OPEN_PATHS = ("/", "/healthz")  # nothing secret: the page's own files, and that we live
OPEN_ROOM = "/page/"
LABEL_STUDIO_ROOM = "/label-studio/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
NO_HOST = re.compile(r"[@/\\?#\s]")
TOKEN_PATTERN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}")


def checked_token(token: str | None) -> str | None:
    """The token, if it can be one.

    Raises:
        UsageError: it is too short to be secret, or cannot stand in a header.
    """
    if token is not None and not TOKEN_PATTERN.fullmatch(token):
        raise UsageError(
            "a token is 16 to 512 letters, digits or ._~+/=-; make one with "
            "python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


class Guard:
    """Middleware that lets through whom the settings allow, and sets `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send_guarded)
        else:
            await error_response(*refusal)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str, str, dict[str, str]] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._settings.hosts and host_name(host) not in self._settings.hosts:
            return 421, "unknown_host", "this service does not answer to that host name", {}
        if scope["method"] not in SAFE_METHODS and _foreign(headers, host):
            return 403, "foreign_origin", "other web pages may not use this service", {}
        path = scope["path"]
        if path in OPEN_PATHS or path.startswith(OPEN_ROOM) or self._knows_token(headers, path):
            return None
        return 401, "token", "send Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}

    def _knows_token(self, headers: Headers, path: str) -> bool:
        if self._settings.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip()
        if scheme.lower() == "basic" and path.startswith(LABEL_STUDIO_ROOM):
            given = _password(given)
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.encode(), self._settings.token.encode())


def _password(given: str) -> str:
    """Of basic authentication (RFC 7617), which is all that Label Studio can send."""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case; "" if it is none."""
    if NO_HOST.search(host):  # a name and password, or a path
        return ""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _foreign(headers: Headers, host: str) -> bool:
    """Whether a browser says that a page from elsewhere sends this."""
    origin = headers.get("origin")
    return origin is not None and _host_of(origin) != host.lower()


def _host_of(origin: str) -> str:
    """Host and port of an origin; "" if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
