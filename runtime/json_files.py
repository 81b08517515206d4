"""JSON files that somebody else may have written: bounded before they are read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from ioebss.errors import IoebssError
from ioebss.regular_files import check_regular

MAX_DEPTH = 200  # of lists and objects in each other, where libioebss reads too
# The escapes of a text, from left to right: a pair of surrogates, one alone, or anything else.
_ESCAPES = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\(?P<alone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\.",
    re.DOTALL,
)


def strict_json(text: str) -> Any:
    """The value of a JSON text (RFC 8259), without what Python's parser takes and libioebss, which
    reads these files too, refuses: NaN and infinities, numbers beyond a double, halves of surrogate
    pairs, and more than `MAX_DEPTH` lists and objects in each other.

    Raises:
        ValueError: it is not such JSON.
        RecursionError: it is nested very much too deeply.
    """
    value = json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    for escape in _ESCAPES.finditer(text):
        if escape["alone"]:
            raise ValueError(f"\\{escape['alone']} is half of a surrogate pair, no character")
    _check_depth(value)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is beyond the numbers of a double")
    return number


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise ValueError("it is nested too deeply")


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


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
        error: what is raised if the file is missing, no regular file, too large, or not JSON.
        what: the file should be, for the message: "a manifest".
        parse: `strict_json` for what other programs of ours read as well.
    """
    check_regular(path, error, what)
    with _in_words(path, error, what):
        if path.stat().st_size <= max_bytes:
            return parse(path.read_text("utf-8-sig"))
    raise _too_large(path, max_bytes, error, what)


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
        raise _too_large(name, max_bytes, error, what)
    with _in_words(name, error, what):
        table = parse(content.decode("utf-8-sig"))
    return _object(table, name, error, what)


@contextmanager
def _in_words(name: Path | str, error: type[IoebssError], what: str) -> Iterator[None]:
    """What fails in it says of what, and what that should be."""
    try:
        yield
    except OSError as failure:
        raise error(f"{name} cannot be read: {failure.strerror or failure}") from None
    except (ValueError, RecursionError) as failure:
        raise error(f"{name} cannot be read as JSON, it is not {what}: {failure}") from None


def _too_large(
    name: Path | str, max_bytes: int, error: type[IoebssError], what: str
) -> IoebssError:
    return error(f"{name} is larger than {max_bytes} bytes; it is not {what}")


def _object(table: Any, name: Path | str, error: type[IoebssError], what: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise error(f"{name} is not {what}: it holds no JSON object")
    return table
