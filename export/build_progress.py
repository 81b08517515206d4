"""What a builder of engines is doing, on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from ioebss.progress import Progress

STEPS = 100  # of the bar


@dataclass
class _Phase:
    parent: str | None
    steps: int
    done: int = 0


class Phases:
    """Nested phases as one fraction: a step of a phase is as long as the phases within it."""

    def __init__(self) -> None:
        self._open: dict[str, _Phase] = {}

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase of so many steps begins, within another one or by itself."""
        self._open[name] = _Phase(parent, max(steps, 1))

    def step(self, name: str, number: int) -> None:
        """A step, counted from 0, is done."""
        if phase := self._open.get(name):
            phase.done = min(number + 1, phase.steps)

    def finish(self, name: str) -> None:
        """A phase ends."""
        self._open.pop(name, None)

    def fraction(self) -> float:
        """How much of the outermost phase is done: 0 to 1."""
        return max((self._done(n) for n, p in self._open.items() if p.parent is None), default=0.0)

    def _done(self, name: str) -> float:
        phase = self._open[name]
        within = max(
            (self._done(n) for n, p in self._open.items() if p.parent == name), default=0.0
        )
        return min(1.0, (phase.done + within) / phase.steps)


@contextmanager
def make_monitor(library: Any, progress: Progress) -> Iterator[Any]:
    """A progress monitor for a builder. Ctrl-C ends the build: exceptions do not come through it.

    Args:
        library: module of TensorRT or TensorRT-RTX.

    Raises:
        KeyboardInterrupt: after the build, if it was interrupted.
    """

    class Monitor(library.IProgressMonitor):  # type: ignore[misc]  # known when it runs only
        def __init__(self, advance: Callable[..., None]) -> None:
            library.IProgressMonitor.__init__(self)
            self.interrupted = False
            self._advance, self._shown = advance, 0
            self._phases = Phases()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._phases.start(phase_name, parent_phase or None, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            try:
                self._phases.step(phase_name, step)
                self._show(phase_name)
            except KeyboardInterrupt:
                self.interrupted = True
            return not self.interrupted

        def phase_finish(self, phase_name: str) -> None:
            self._phases.finish(phase_name)

        def _show(self, phase_name: str) -> None:
            while self._shown < min(int(STEPS * self._phases.fraction()), STEPS - 1):
                self._shown += 1
                self._advance(phase_name)

        def complete(self) -> None:
            while self._shown < STEPS:
                self._shown += 1
                self._advance()

    with ExitStack() as stack:
        monitor = Monitor(stack.enter_context(progress.task("building", STEPS)))
        yield monitor
        if not monitor.interrupted:
            monitor.complete()
    if monitor.interrupted:
        raise KeyboardInterrupt
