"""Results as JSON: everything that a table or a repetition of the run needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.errors import DataError
from ioebss.evaluation.instances import Instance
from ioebss.evaluation.protocol import Measurement
from ioebss.evaluation.summary import Summary
from ioebss.json_files import read_json_object

FORMAT = 1
MAX_RESULT_BYTES = 256 * 1024 * 1024
RESULT = "a result of ioebss-bench: give its --out file"


def write_result(
    path: Path, setup: dict[str, Any], summary: Summary, measurements: Sequence[Measurement]
) -> None:
    """Writes a result.

    The file holds `format`, the keys of `setup`, `summary`, and `instances`: one object a line,
    with its scene and label, its clicks [x, y, label], its IoU after each and the
    milliseconds of each.

    Args:
        path: the file; its folder must exist.
        setup: model, data, protocol and provenance, ready for JSON.

    Raises:
        OutputError: it cannot be written.
    """
    head = json.dumps({"format": FORMAT, **setup, "summary": asdict(summary)}, indent=2)
    lines = ",\n".join(f"    {json.dumps(_row(m))}" for m in measurements)
    text = f'{head.removesuffix("}").rstrip()},\n  "instances": [\n{lines}\n  ]\n}}\n'
    write_atomically(path, lambda temporary: temporary.write_text(text, "utf-8"))


def read_instances(path: Path) -> list[Instance]:
    """The objects of an earlier result, in its order, to measure the same ones again.

    Raises:
        DataError: the file is missing, unreadable, or no such result.
    """
    table = read_json_object(path, MAX_RESULT_BYTES, DataError, RESULT)
    try:
        rows = table["instances"]
        instances = [Instance(r["index"], r["scene"], r["label"], r["area"]) for r in rows]
    except (KeyError, TypeError):
        raise DataError(f"{path} is not {RESULT}") from None
    numbers = [n for i in instances for n in (i.index, i.label, i.area)]
    if not instances or any(type(n) is not int for n in numbers):
        raise DataError(f"{path} lists no objects, or not as ioebss-bench writes them")
    return instances


def _row(measurement: Measurement) -> dict[str, Any]:
    course = measurement.course
    return {
        **asdict(measurement.instance),
        "clicks": [[c.x, c.y, c.label] for c in course.clicks],
        "ious": [round(v, 6) for v in course.ious],
        "milliseconds": [round(v, 3) for v in course.milliseconds],
    }
