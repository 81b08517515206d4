"""From what is asked for to settings that are safe."""

from __future__ import annotations

from collections.abc import Iterable

from ioebss.errors import UsageError
from ioebss.serving.security import LOOPBACK, checked_token, host_name
from ioebss.serving.settings import MEBIBYTE, Settings


def settings_for(
    host: str,
    token: str | None = None,
    allowed: Iterable[str] = (),
    sessions: int = 64,
    mebibytes: int = 2048,
) -> Settings:
    """Settings for an address to serve.

    Without a token only this machine may be served, and only under its own names and those that
    are allowed. With one, any name is answered to unless some are allowed: whoever points a name of
    theirs here does not know the token.

    Args:
        host: address to serve.
        token: that clients send.
        allowed: host names, as a proxy passes them on; a port is passed over.
        sessions: at a time.
        mebibytes: of all sessions.

    Raises:
        UsageError: another host than loopback without a token, a token that is none, or a name.
    """
    names = frozenset(map(_allowed, allowed))
    if checked_token(token) is None:
        if host.lower() not in LOOPBACK:
            raise UsageError(
                f"--host {host} lets other machines in; set a token (IOEBSS_TOKEN or --token)"
            )
        names |= LOOPBACK
    return Settings(
        token=token,
        hosts=names,
        max_sessions=sessions,
        max_session_bytes=mebibytes * MEBIBYTE,
    )


def _allowed(name: str) -> str:
    found = host_name(f"[{name}]" if name.count(":") > 1 and name[0] != "[" else name)
    if not found:
        raise UsageError(f"{name!r} is no host name; write it as in clicks.example.org")
    return found
