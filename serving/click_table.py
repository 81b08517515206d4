"""Tables of clicks on very many photographs: Parquet, CSV or JSON lines, read by Ray Data.

Columns: `photo`, a path below the folder of photographs; `clicks`, a list as in a clicks file (in
CSV, and in Parquet if it is text, as JSON); `start`, optional, a mask to start from, a path below
the same folder. Other columns are let be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import ray.data
from pyarrow import ArrowException, csv, parquet

from ioebss.click_files import RawClick, check_clicks
from ioebss.errors import DataError, UsageError

MAX_TEXT = 1024 * 1024  # characters of a row's clicks, or of its line
MAX_PATH = 4096
COLUMNS = ("photo", "clicks", "start")
LINE = "text"  # the column that holds a line of JSON, unread
ENDINGS = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True)
class Row:
    """A photograph to segment.

    Attributes:
        photo: path below the folder of photographs.
        clicks: on it.
        start: path of a mask to start from, below the same folder, or None.
    """

    photo: str
    clicks: list[RawClick]
    start: str | None


def read_table(path: Path) -> ray.data.Dataset:
    """The table as a lazy data set; `row_of` makes sense of its rows.

    Raises:
        UsageError: the file's name has none of `ENDINGS`, or a column is missing.
        DataError: it cannot be read.
    """
    names = [*_column_names(path)]
    for needed in COLUMNS[:2]:
        if names != [LINE] and needed not in names:
            raise UsageError(f"{path} has no column {needed!r}; it has {', '.join(names)}")
    kept = [name for name in COLUMNS if name in names]
    if path.suffix == ".parquet":
        return ray.data.read_parquet(str(path)).select_columns(kept)
    if path.suffix == ".csv":  # as text: 007 is the name of a photo
        options = csv.ConvertOptions(
            column_types=dict.fromkeys(kept, "string"), include_columns=kept
        )
        return ray.data.read_csv(str(path), convert_options=options)
    return ray.data.read_text(str(path))


def photos_in(path: Path) -> Iterator[str | None]:
    """The photo of each row in turn, read in pieces; None where a row has none.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        if path.suffix == ".jsonl":
            with path.open("r", encoding="utf-8", errors="replace") as lines:
                yield from (_photo_in(line) for line in lines if line.strip())
        elif path.suffix == ".csv":
            options = csv.ConvertOptions(
                column_types={"photo": "string"}, include_columns=["photo"]
            )
            with csv.open_csv(path, convert_options=options) as reader:
                for batch in reader:
                    yield from batch.column(0).to_pylist()
        else:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=["photo"]):
                    yield from batch.column(0).to_pylist()
    except (OSError, ArrowException) as error:
        raise _unreadable(path, error) from None


def row_of(values: Mapping[str, Any]) -> Row:
    """A row of the table, checked.

    Raises:
        UsageError, ClickError: it makes no sense; the message says why.
    """
    if LINE in values and "photo" not in values:
        values = _object(values[LINE])
    photo, start = values.get("photo"), values.get("start")
    clicks = values.get("clicks")
    if isinstance(clicks, str):
        clicks = _json(clicks, "its clicks are not JSON")
    if isinstance(clicks, list):  # Parquet gives every click all keys
        clicks = [_known(click) for click in clicks]
    return Row(
        checked_path(photo), check_clicks(clicks, "clicks"), checked_path(start) if start else None
    )


def photo_of(values: Mapping[str, Any]) -> str:
    """What a row calls its photo, or the row itself, shortened: for messages."""
    if "photo" in values:
        return str(values["photo"])[:MAX_PATH]
    line = str(values.get(LINE, ""))
    return (_photo_in(line) or line)[:MAX_PATH]


def checked_path(value: Any) -> str:
    """A path that stays below a folder, as far as its name says.

    Raises:
        UsageError: it is absolute, climbs, or is no path.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_PATH or "\0" in value:
        raise UsageError("a photo is named by its path below the folder of photographs")
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise UsageError(f"{value!r} is not a path below the folder of photographs")
    return str(path)


# -- inside ----------------------------------------------------------------------------------------


def _column_names(path: Path) -> list[str]:
    try:
        if path.suffix == ".parquet":
            return list(parquet.read_schema(path).names)
        if path.suffix == ".csv":
            with csv.open_csv(path) as reader:
                return list(reader.schema.names)
        if path.suffix == ".jsonl":
            path.open("rb").close()
            return [LINE]
    except (OSError, ArrowException) as error:
        raise _unreadable(path, error) from None
    raise UsageError(f"{path}: a table of clicks is named {', '.join(ENDINGS)}")


def _unreadable(path: Path, error: Exception) -> DataError:
    text = getattr(error, "strerror", None) or str(error).splitlines()[0][:200]
    return DataError(f"{path} cannot be read as a table of clicks: {text}")


def _photo_in(line: str) -> str | None:
    try:
        photo = _object(line).get("photo")
    except UsageError:
        return None
    return photo if isinstance(photo, str) else None


def _object(line: str) -> dict[str, Any]:
    table = _json(line, "the line is not JSON")
    if not isinstance(table, dict):
        raise UsageError("the line is not a JSON object")
    return table


def _json(text: str, refusal: str) -> Any:
    if len(text) > MAX_TEXT:
        raise UsageError(f"more than {MAX_TEXT} characters of clicks on one photo")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(refusal) from None


def _known(click: Any) -> Any:
    if isinstance(click, dict):
        return {key: value for key, value in click.items() if value is not None}
    return click
