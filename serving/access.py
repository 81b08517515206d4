"""From what is asked for to settings that are safe."""

from __future__ import annotations

from collections.abc import Iterable

from ioebss.errors import UsageError
from ioebss.serving.security import LOOPBACK, checked_token
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
        allowed: host names, as a proxy passes them on.
        sessions: at a time.
        mebibytes: of all sessions.

    Raises:
        UsageError: another host than loopback without a token, or a token that is none.
    """
    names = frozenset(name.lower() for name in allowed)
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
