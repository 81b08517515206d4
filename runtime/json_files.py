"""JSON files that somebody else may have written: bounded before they are read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn

from ioebss.errors import IoebssError

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # an escape of half a character, or of a pair's half


def parse_json(text: str) -> Any:
    """The value of a JSON text (RFC 8259), without what only Python's parser takes: NaN and
    infinities, and escapes of half a character, which can be neither printed nor written. libioebss
    refuses the same.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def read_json(path: Path, max_bytes: int, error: type[IoebssError], what: str) -> Any:
    """The value that a JSON file holds.

    Args:
        max_bytes: larger files are refused unread.
        error: what is raised if the file is missing, too large, or not JSON.
        what: the file should be, for the message: "a manifest".
    """
    try:
        if path.stat().st_size <= max_bytes:
            return parse_json(path.read_text("utf-8-sig"))
    except OSError as failure:
        raise error(f"{path} cannot be read: {failure.strerror or failure}") from None
    except ValueError as failure:
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
