"""JSON files that somebody else may have written: bounded before they are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from ioebss.errors import IoebssError


def strict_json(text: str) -> Any:
    """The value of a JSON text (RFC 8259), without the NaN and infinities that Python's parser
    takes: for files that libioebss reads too, which refuses them.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def read_json(
    path: Path,
    max_bytes: int,
    error: type[IoebssError],
    what: str,
    parse: Callable[[str], Any] = json.loads,
) -> Any:
    """The value that a JSON file holds.

    Args:
        max_bytes: larger files are refused unread.
        error: what is raised if the file is missing, too large, or not JSON.
        what: the file should be, for the message: "a manifest".
        parse: `strict_json` for what other programs of ours read as well.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return parse(path.read_text("utf-8-sig"))
    except OSError as failure:
        raise error(f"{path} cannot be read: {failure.strerror or failure}") from None
    except (ValueError, RecursionError) as failure:
        raise error(f"{path} cannot be read as JSON, it is not {what}: {failure}") from None
    raise error(f"{path} is larger than {max_bytes} bytes; it is not {what}")


def read_json_object(
    path: Path,
    max_bytes: int,
    error: type[IoebssError],
    what: str,
    parse: Callable[[str], Any] = json.loads,
) -> dict[str, Any]:
    """The object that a JSON file holds; see `read_json`. Anything else is an error too."""
    return _object(read_json(path, max_bytes, error, what, parse), path, error, what)


def parse_json_object(
    content: bytes,
    name: str,
    max_bytes: int,
    error: type[IoebssError],
    what: str,
    parse: Callable[[str], Any] = json.loads,
) -> dict[str, Any]:
    """The object that bytes hold, as `read_json_object` reads it from a file.

    Args:
        name: what messages call them.
    """
    if len(content) > max_bytes:
        raise error(f"{name} is larger than {max_bytes} bytes; it is not {what}")
    try:
        table = parse(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as failure:
        raise error(f"{name} cannot be read as JSON, it is not {what}: {failure}") from None
    return _object(table, name, error, what)


def _object(table: Any, name: Path | str, error: type[IoebssError], what: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise error(f"{name} is not {what}: it holds no JSON object")
    return table
