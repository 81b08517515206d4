"""Rules for the values of JSON objects that somebody else may have written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ioebss.atomic import write_text_atomically
from ioebss.errors import ModelError

Check = Callable[[Any], bool]
Rule = tuple[str, Check, str]  # key, what its value must pass, that in words


def is_text(value: Any) -> bool:
    """A text of bounded length."""
    return isinstance(value, str) and len(value) <= 10_000


def is_sha256(value: Any) -> bool:
    """64 lower-case hexadecimal digits."""
    return is_text(value) and bool(re.fullmatch("[0-9a-f]{64}", value))


def is_object(value: Any) -> bool:
    """A JSON object."""
    return isinstance(value, dict)


def whole(low: int, high: int) -> Check:
    """A whole number from low to high, both included."""
    return lambda value: type(value) is int and low <= value <= high


def check_format(table: dict[str, Any], path: Path | str, newest: int, what: str) -> None:
    """Checks the version of a file's layout.

    Args:
        newest: version that is understood.
        what: the file should be, for the message: "a manifest".

    Raises:
        ModelError: there is none, or it is a newer one.
    """
    version = table.get("format")
    if type(version) is not int or version < 1:
        raise ModelError(f"{path} is not {what}: it states no format")
    if version > newest:
        raise ModelError(
            f"{path} is {what} of format {version}, this version of ioebss reads up to {newest}; "
            "update ioebss"
        )


def check_values(
    table: dict[str, Any], path: Path | str, rules: Iterable[Rule], required: set[str], remedy: str
) -> None:
    """Checks that the required keys are there and that the values of those that are follow their
    rules.

    Raises:
        ModelError: it names the key, its value, and what was expected.
    """
    missing = sorted(required - table.keys())
    if missing:
        raise ModelError(f"{path} lacks {', '.join(missing)}; {remedy}")
    for key, check, expected in rules:
        if key in table and not check(table[key]):
            raise ModelError(f"{path}: {key} is {_shown(table[key])}; expected {expected}")


def write_checked(
    table: dict[str, Any], path: Path, read: Callable[[dict[str, Any], Path], object]
) -> None:
    """Writes an object as JSON, if it would be read again.

    Args:
        read: raises `ModelError` where the object, as JSON holds it, breaks a rule.

    Raises:
        ModelError: see `read`; or a value is no finite number.
        OutputError: the file cannot be written.
    """
    try:
        text = json.dumps(table, indent=2, allow_nan=False) + "\n"
    except ValueError as error:
        raise ModelError(f"{path} cannot be written: {error}") from None
    read(json.loads(text), path)
    write_text_atomically(path, text)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
