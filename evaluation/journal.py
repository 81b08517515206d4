"""What was measured so far, in a file that grows by a line for each object: a run that is killed
goes on where it was.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ioebss.errors import DataError, OutputError, UsageError
from ioebss.evaluation.instances import Instance
from ioebss.evaluation.protocol import Measurement
from ioebss.evaluation.rows import measurement_of, row_of

MAX_BYTES = 1 << 30
NAMED = 4  # differences that a message names
ABSENT = "not there"


class Journal:
    """`NAME.jsonl`: a line that says what is measured, then one for each object. A context manager.

    It is read and compared at once, and nothing is written before it is entered. A last line that
    was cut off when a run was killed is dropped.

    Args:
        path: the file; its folder must exist when it is entered.
        setup: method, data and protocol, ready for JSON. A file that is there must have the same.

    Attributes:
        measurements: by object.

    Raises:
        UsageError: the file there is of another measurement.
        DataError: it is damaged elsewhere than at its end.
        OutputError: it cannot be read or written.
    """

    def __init__(self, path: Path, setup: dict[str, Any]) -> None:
        self.path = path
        self.measurements: dict[Instance, Measurement] = {}
        self._setup = json.loads(json.dumps(setup))
        try:
            content = self._read()
        except OSError as error:
            raise self._unusable(error) from None
        self._length = len(content)
        if content:
            self._take(content.decode("utf-8", "replace").splitlines(), self._setup)

    def add(self, measurement: Measurement) -> None:
        """Writes one measurement; when this returns it is with the system.

        Raises:
            OutputError: it cannot be written, the disk is full for example.
        """
        row = row_of(measurement)
        self._append(row)
        # As a run that is resumed reads it, with its digits: both sum up the same.
        self.measurements[measurement.instance] = measurement_of(row)

    def __enter__(self) -> Journal:
        try:
            self._file: IO[str] = self.path.open("a", encoding="utf-8")
            os.truncate(self.path, self._length)
        except OSError as error:
            raise self._unusable(error) from None
        if not self._length:
            self._append(self._setup)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _append(self, value: Any) -> None:
        try:
            self._file.write(json.dumps(value) + "\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror}; make room and run it again"
            ) from None

    def _unusable(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path} cannot be used: {error.strerror or error}")

    def _read(self) -> bytes:
        """The whole lines of the file, without what follows the last of them."""
        if not self.path.exists():
            return b""
        if self.path.stat().st_size > MAX_BYTES:
            raise DataError(f"{self.path} is larger than {MAX_BYTES} bytes; it is no journal")
        content = self.path.read_bytes()
        return content[: content.rfind(b"\n") + 1]

    def _take(self, lines: list[str], setup: dict[str, Any]) -> None:
        try:
            head, *rows = [json.loads(line) for line in lines]
            if not isinstance(head, dict):
                raise DataError("its first line is no setup")
            kept = [measurement_of(row) for row in rows]
        except (ValueError, RecursionError, DataError) as error:
            raise DataError(
                f"{self.path} is damaged ({error}); move it away and run again"
            ) from None
        if head != setup:
            raise UsageError(
                f"{self.path} holds another measurement: {_difference(head, setup)}; "
                "give another --out, or move the file away"
            )
        self.measurements = {m.instance: m for m in kept}


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What differs between two setups, in words; at most `NAMED` values."""
    old, new = _values(before), _values(now)
    keys = [key for key in new | old if old.get(key, ABSENT) != new.get(key, ABSENT)]
    words = [f"{k} was {old.get(k, ABSENT)}, now it is {new.get(k, ABSENT)}" for k in keys[:NAMED]]
    more = [f"and {len(keys) - NAMED} more"] if len(keys) > NAMED else []
    return "; ".join(words + more)


def _values(setup: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of dictionaries in dictionaries, by keys with dots between."""
    values: dict[str, Any] = {}
    for key, value in setup.items():
        if isinstance(value, dict) and value:
            values |= _values(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values
