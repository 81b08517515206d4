"""A measurement as a line of JSON, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ioebss.clicks import Click
from ioebss.errors import DataError
from ioebss.evaluation.instances import Instance
from ioebss.evaluation.protocol import Course, Measurement

SCORES = ("ious", "accuracies", "boundary_ious")


def row_of(measurement: Measurement) -> dict[str, Any]:
    """The object, the fingerprint of its photo, its clicks [x, y, label], its scores after each,
    and the milliseconds of each."""
    course = measurement.course
    return {
        **asdict(measurement.instance),
        "photo": measurement.photo,
        "clicks": [[c.x, c.y, c.label] for c in course.clicks],
        **{name: [round(v, 6) for v in getattr(course, name)] for name in SCORES},
        "milliseconds": [round(v, 3) for v in course.milliseconds],
    }


def measurement_of(row: Any) -> Measurement:
    """The measurement of such a row.

    Raises:
        DataError: it is none.
    """
    try:
        clicks = tuple(Click(int(x), int(y), int(label)) for x, y, label in row["clicks"])
        ious, accuracies, boundary_ious, times = (
            tuple(float(v) for v in row[name]) for name in (*SCORES, "milliseconds")
        )
        course = Course(clicks, ious, accuracies, boundary_ious, times)
    except (KeyError, TypeError, ValueError):
        raise DataError("a row is no measurement of ioebss-bench") from None
    if not course.ious or len({len(getattr(course, name)) for name in SCORES}) > 1:
        raise DataError("a row is no measurement of ioebss-bench: its scores are incomplete")
    return Measurement(instance_of(row), course, str(row.get("photo", "")))


def instance_of(row: Any) -> Instance:
    """The object of a row, or of an entry of a list of objects.

    Raises:
        DataError: it is none.
    """
    try:
        numbers = (row["index"], row["label"], row["area"])
        names = (row["scene"], row.get("category", ""))
    except (KeyError, TypeError, AttributeError):
        raise DataError("a row describes no object") from None
    if any(type(n) is not int for n in numbers) or any(type(n) is not str for n in names):
        raise DataError("a row describes no object")
    return Instance(numbers[0], names[0], numbers[1], numbers[2], names[1])
