"""Progress of long work: a rich bar on a terminal that has rich, plain lines otherwise."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_INTERVAL = 30.0  # seconds between plain lines


class Progress:
    """Shows what long work is doing, on stderr.

    Args:
        quiet: show nothing (worker ranks).
        terminal: whether to draw bars; by default whether stderr is a terminal. Without rich there
            are lines only.
    """

    def __init__(self, quiet: bool = False, terminal: bool | None = None) -> None:
        self.quiet = quiet
        terminal = sys.stderr.isatty() if terminal is None else terminal
        self.terminal = terminal and importlib.util.find_spec("rich") is not None

    def say(self, text: str) -> None:
        """One line."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Callable[..., None]]:
        """A bar of `total` steps. Yields `advance(note="")`, to be called after each step."""
        if self.quiet:
            yield lambda note="": None
        elif self.terminal:
            with self._bar(name, total, done) as advance:
                yield advance
        else:
            yield self._lines(name, total, done)

    def _lines(self, name: str, total: int, done: int) -> Callable[..., None]:
        started = shown = time.monotonic()
        first = done

        def advance(note: str = "") -> None:
            nonlocal done, shown
            done += 1
            now = time.monotonic()
            if done == total or now - shown >= PLAIN_INTERVAL:
                shown = now
                rate = (done - first) / max(now - started, 1e-9)
                left = (total - done) / rate
                self.say(f"{name} {done}/{total}, {left:.0f} s left{', ' * bool(note)}{note}")

        return advance

    @contextmanager
    def _bar(self, name: str, total: int, done: int) -> Iterator[Callable[..., None]]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
        )
        with bar:
            task = bar.add_task(name, total=total, completed=done, note="")
            yield lambda note="": bar.update(task, advance=1, note=note)
