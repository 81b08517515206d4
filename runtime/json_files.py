"""JSON files that somebody else may have written: bounded before they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ioebss.errors import IoebssError


def read_json(path: Path, max_bytes: int, error: type[IoebssError], what: str) -> Any:
    """The value that a JSON file holds.

    Args:
        max_bytes: larger files are refused unread.
        error: what is raised if the file is missing, too large, or not JSON.
        what: the file should be, for the message: "a manifest".
    """
    try:
        if path.stat().st_size <= max_bytes:
            return json.loads(path.read_text("utf-8-sig"))
    except OSError as failure:
        raise error(f"{path} cannot be read: {failure.strerror or failure}") from None
    except (ValueError, RecursionError) as failure:
        raise error(f"{path} cannot be read as JSON, it is not {what}: {failure}") from None
    raise error(f"{path} is larger than {max_bytes} bytes; it is not {what}")


def read_json_object(
    path: Path, max_bytes: int, error: type[IoebssError], what: str
) -> dict[str, Any]:
    """The object that a JSON file holds; see `read_json`. Anything else is an error too."""
    table = read_json(path, max_bytes, error, what)
    if not isinstance(table, dict):
        raise error(f"{path} is not {what}: it holds no JSON object")
    return table
