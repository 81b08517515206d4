"""Results as JSON: everything that a table or a repetition of the run needs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ioebss.atomic import write_text_atomically
from ioebss.errors import DataError
from ioebss.evaluation.instances import Instance
from ioebss.evaluation.protocol import Measurement
from ioebss.evaluation.rows import instance_of, row_of
from ioebss.evaluation.summary import Summary
from ioebss.json_files import read_json_object

FORMAT = 2  # 1 had no pixel accuracy and no boundary IoU
MAX_RESULT_BYTES = 256 * 1024 * 1024
RESULT = "a result of ioebss-bench accuracy: give METHOD.json of its --out folder"


def write_result(
    path: Path, setup: dict[str, Any], summary: Summary, measurements: Sequence[Measurement]
) -> None:
    """Writes a result.

    The file holds `format`, the keys of `setup`, `summary`, and `instances`: one object a line,
    see `ioebss.evaluation.rows`.

    Args:
        path: the file; its folder must exist.
        setup: model, data, protocol and provenance, ready for JSON.

    Raises:
        OutputError: it cannot be written.
    """
    head = {"format": FORMAT, **setup, "summary": asdict(summary)}
    _write(path, head, [row_of(m) for m in measurements])


def write_instances(path: Path, instances: Sequence[Instance]) -> None:
    """Writes a list of objects, to measure the same ones again.

    Raises:
        OutputError: it cannot be written.
    """
    _write(path, {"format": FORMAT}, [asdict(instance) for instance in instances])


def read_instances(path: Path) -> list[Instance]:
    """The objects of a list or of an earlier result, in its order.

    Raises:
        DataError: the file is missing, unreadable, or neither, or lists an object twice.
    """
    table = read_json_object(path, MAX_RESULT_BYTES, DataError, RESULT)
    rows = table.get("instances")
    if not isinstance(rows, list):
        raise DataError(f"{path} is not {RESULT}")
    try:
        instances = [instance_of(row) for row in rows]
    except DataError:
        raise DataError(f"{path} is not {RESULT}: an object is described wrongly") from None
    if not instances:
        raise DataError(f"{path} lists no objects")
    for instance, times in Counter(instances).items():
        if times > 1:
            raise DataError(f"{path} lists object {instance.label} of {instance.scene} twice")
    return instances


def _write(path: Path, head: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    top = json.dumps(head, indent=2).removesuffix("}").rstrip()
    lines = ",\n".join(f"    {json.dumps(row)}" for row in rows)
    text = f'{top},\n  "instances": [\n{lines}\n  ]\n}}\n'
    write_text_atomically(path, text)
