"""Only regular files are read: opening a pipe or a device may wait for ever, or never end."""

from __future__ import annotations

import stat
from pathlib import Path

from ioebss.errors import IoebssError

_KINDS = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


def check_regular(
    path: Path, error: type[IoebssError], what: str, instead_of_pipe: str = ""
) -> None:
    """Passes if a path leads to a regular file, over links too, or to nothing, which whoever opens
    it says.

    Args:
        error: what is raised otherwise.
        what: should be there, for the message: "a photo".
        instead_of_pipe: what takes what comes through a pipe or a device, for the message.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    for is_kind, kind in _KINDS:
        if is_kind(mode):
            remedy = (
                f"; {instead_of_pipe}" if instead_of_pipe and kind in ("pipe", "device") else ""
            )
            raise error(f"{path} is a {kind}, not {what}: only files are read{remedy}")
