"""Clicks from the command line and from JSON files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ioebss.clicks import MAX_CLICKS, check_label
from ioebss.errors import ClickError, UsageError
from ioebss.json_files import read_json

MAX_FILE_BYTES = 16 * 1024 * 1024
RawClick = tuple[float, float, int]
HELP = (
    'write X,Y or X,Y,LABEL (label 1 on the object, 0 off it), e.g. --clicks "320,240 40,60,0", or '
    "name a .json file"
)


def parse_clicks(text: str) -> list[RawClick]:
    """Clicks from text: X,Y or X,Y,LABEL, several separated by spaces or semicolons. Spaces beside
    a comma separate nothing: "3, 4" is one click, "3,4, 5,6" four numbers, which no click has.

    Raises:
        ClickError: something else, or a label that is neither 0 nor 1.
    """
    clicks = []
    together = re.sub(r"\s*,\s*", ",", text).strip("; \t\r\n")
    for word in re.split(r"[\s;]+", together):
        parts = word.split(",")
        try:
            x, y, *rest = (float(part) for part in parts)
        except ValueError:
            raise ClickError(f"{word!r} is no click; {HELP}") from None
        if len(rest) > 1:
            raise ClickError(f"{word!r} is no click; {HELP}")
        clicks.append((x, y, check_label(rest[0]) if rest else 1))
    return clicks


def read_clicks(path: Path) -> list[RawClick] | dict[str, list[RawClick]]:
    """Clicks of one photo (a list) or of several (an object: photo's file name -> list).

    A click is {"x": 320, "y": 240, "label": 1} (label 1 if left out), [x, y] or [x, y, label], or
    SAM's {"type": "point", "data": [x, y], "label": 1}. What `--format json` wrote is read too.

    Raises:
        UsageError: missing, too large, or not JSON.
        ClickError: JSON, but not clicks; the message says where.
    """
    table = read_json(path, MAX_FILE_BYTES, UsageError, "a file of clicks")
    if isinstance(table, dict) and isinstance(table.get("clicks"), list):
        table = table["clicks"]
    if isinstance(table, list):
        return check_clicks(table, str(path))
    if isinstance(table, dict) and table:
        return {name: check_clicks(value, f"{path}: {name}") for name, value in table.items()}
    raise ClickError(f"{path} holds no clicks: expected a list, or an object photo -> list")


def check_clicks(value: Any, where: str) -> list[RawClick]:
    """Clicks from JSON that was read; see `read_clicks` for what a click may be.

    Args:
        value: should be a list of clicks.
        where: it was found, for messages.

    Raises:
        ClickError: it is something else.
    """
    if not isinstance(value, list):
        raise ClickError(f"{where}: expected a list of clicks")
    if len(value) > MAX_CLICKS:
        raise ClickError(f"{where}: more than {MAX_CLICKS} clicks on one photo; use fewer")
    return [_click(item, f"{where}, click {i + 1}") for i, item in enumerate(value)]


def _click(item: Any, where: str) -> RawClick:
    x: Any
    y: Any
    label: Any = 1
    if isinstance(item, dict):
        if item.get("type", "point") != "point":
            raise ClickError(f'{where}: its "type" is not "point"; only points are clicks')
        x, y = item.get("x", ""), item.get("y", "")
        data = item.get("data")
        if isinstance(data, list) and len(data) == 2:
            x, y = data
        label = item.get("label", 1)
    elif isinstance(item, list) and len(item) in (2, 3):
        x, y, *rest = item
        label = rest[0] if rest else 1
    else:
        raise ClickError(f'{where}: expected {{"x": ..., "y": ..., "label": 1 or 0}}')
    if not all(type(v) in (int, float) for v in (x, y, label)):
        raise ClickError(f"{where}: x, y and label must be numbers")
    try:
        return float(x), float(y), check_label(label)
    except OverflowError:
        raise ClickError(f"{where}: x and y must be pixels of the photo") from None
