"""Rows of the measurement on a GPU: what is timed, the times or the reason why there are none, and
the tables of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ioebss.progress import Progress

CLICK, NETWORK = "click", "network"
BLOCK = 20  # measurements of a row before it is the next one's turn
NO_TIME = "the time limit was reached before"


class Subject(Protocol):
    """Something that is ready to be timed."""

    def step(self) -> float:
        """Does it once; milliseconds."""
        ...

    def notes(self) -> dict[str, Any]:
        """What else is to be said, ready for JSON; asked for once, after warming up."""
        ...

    def close(self) -> None:
        """Gives back what it holds."""
        ...


@dataclass
class Row:
    """A line of the result.

    Attributes:
        what: `CLICK` or `NETWORK`.
        model: name of the model.
        runner: what runs it, and in which precision.
        side: of photo and input in pixels; of the input only, where it zooms in.
        zoom: whether it zooms in.
        values: milliseconds.
        first: milliseconds of the first step after it was opened.
        reason: why there are no times.
        notes: see `Subject`.
    """

    what: str
    model: str
    runner: str
    side: int
    zoom: bool = False
    values: list[float] = field(default_factory=list)
    first: float | None = None
    reason: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Median, quartiles and n, or the reason."""
        named = {k: getattr(self, k) for k in ("what", "model", "runner", "side", "zoom")}
        if not self.values:
            return named | {"reason": self.reason, **self.notes}
        low, median, high = np.percentile(self.values, (25, 50, 75))
        times = {"median": median, "low": low, "high": high, "minimum": min(self.values)}
        rounded = {k: round(float(v), 4) for k, v in times.items()}
        return named | rounded | {"n": len(self.values), "first": self.first, **self.notes}


Opener = Callable[[], Subject]


@dataclass(frozen=True)
class Limits:
    """How long it may take.

    Attributes:
        repeats: measurements of each row.
        warm_up: steps of each before them.
        budget: seconds for the measurements of each row, and as many for its warming up.
        total: seconds for everything. Three fifths of it are for opening.
    """

    repeats: int = 200
    warm_up: int = 80
    budget: float = 3.0
    total: float = 110.0


def measure(
    plan: Sequence[tuple[Row, Opener]],
    limits: Limits,
    progress: Progress,
    keep: Callable[[], None] = lambda: None,
) -> None:
    """Opens everything, warms it up, and times it in turns, in place.

    Args:
        plan: rows, each with what opens its subject. One that fails gets its reason.
        keep: is called after each that was opened and after each turn of all, so that what was
            found is not lost where the process ends early.
    """
    started = time.perf_counter()
    with ExitStack() as opened:
        subjects = []
        for row, opener in plan:
            if time.perf_counter() - started > 0.6 * limits.total:
                row.reason = NO_TIME
                continue
            if (subject := _opened(row, opener, limits)) is not None:
                opened.callback(subject.close)
                subjects.append((row, subject))
            said = row.reason or f"first {row.first} ms"
            at = time.perf_counter() - started
            progress.say(f"{at:5.1f} s  {row.what} {row.model} {row.side} {row.runner}: {said}")
            keep()
        _time_in_turns(subjects, limits, started, keep)
        for row, _ in subjects:
            row.reason = row.reason or ("" if row.values else NO_TIME)
        keep()


def _opened(row: Row, opener: Opener, limits: Limits) -> Subject | None:
    """What is to be timed, warmed up; None where that fails."""
    try:
        started = time.perf_counter()
        subject = opener()
        opening = round(time.perf_counter() - started, 2)
    except Exception as error:  # libraries' own errors share no base class but Exception
        row.reason = reason_of(error)
        return None
    with ExitStack() as failed:
        failed.callback(subject.close)
        try:
            row.first = round(subject.step(), 3)
            _warm_up(subject, limits)
            row.notes = {"opening_s": opening, **subject.notes()}
        except Exception as error:  # see above
            row.reason = reason_of(error)
            return None
        failed.pop_all()
    return subject


def _warm_up(subject: Subject, limits: Limits) -> None:
    started = time.perf_counter()
    for _ in range(limits.warm_up):
        if time.perf_counter() - started > limits.budget:
            break
        subject.step()


def _time_in_turns(
    subjects: Sequence[tuple[Row, Subject]],
    limits: Limits,
    started: float,
    keep: Callable[[], None],
) -> None:
    spent = [0.0] * len(subjects)
    for _ in range(-(-limits.repeats // BLOCK)):
        for number, (row, subject) in enumerate(subjects):
            now = time.perf_counter()
            late = now - started > limits.total
            if not row.reason and not late and spent[number] < limits.budget:
                _block(row, subject, min(BLOCK, limits.repeats - len(row.values)))
                spent[number] += time.perf_counter() - now
        keep()


def _block(row: Row, subject: Subject, count: int) -> None:
    try:
        row.values += [subject.step() for _ in range(count)]
    except Exception as error:  # see above
        row.values, row.reason = [], reason_of(error)


def reason_of(error: Exception) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())[:300]
    return text or type(error).__name__


def format_rows(rows: Iterable[dict[str, Any]]) -> str:
    """Markdown tables of rows as JSON: times, then the reasons of those that have none."""
    rows = list(rows)
    lines = []
    head = ("model", "runs on", "pixels", "median ms", "25 % .. 75 %", "n", "first ms")
    for what, title in ((CLICK, "Whole click"), (NETWORK, "Network alone")):
        timed = [_cells(r) for r in rows if r["what"] == what and "median" in r]
        lines += _table(title, head, timed)
    lines += _table("Not measured", ("what", "runs on", "pixels", "reason"), _refusals(rows))
    return "\n".join(lines)


def _table(title: str, head: Sequence[str], body: Sequence[tuple[object, ...]]) -> list[str]:
    """Lines of Markdown; none where there is nothing to be said."""
    if not body:
        return []
    lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in body]
    names = "| " + " | ".join(head) + " |"
    return [f"### {title}", "", names, "|" + "---|" * len(head), *lines, ""]


def _cells(r: dict[str, Any]) -> tuple[object, ...]:
    size = f"{r['side']}" + ", zooming in" * r["zoom"]
    spread = f"{r['low']:.3f} .. {r['high']:.3f}"
    median, first = f"{r['median']:.3f}", f"{r['first']:.0f}"
    return r["model"], r["runner"], size, median, spread, r["n"], first


def _refusals(rows: Iterable[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """What has no times, with the sizes of one reason together."""
    sides: dict[tuple[str, str, str], list[str]] = {}
    for r in rows:
        if "median" not in r:
            reason = r["reason"].replace("|", "/")
            key = (f"{r['what']}, {r['model']}", r["runner"], reason)
            sides.setdefault(key, []).append(str(r["side"]))
    return [(what, runner, ", ".join(s), why) for (what, runner, why), s in sides.items()]
