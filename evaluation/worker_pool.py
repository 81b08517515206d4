"""Processes that do tasks, and that end at once when the run is interrupted.

Each has a pipe of its own and one task at a time. They share no queue and no lock, so that ending
one in the middle of anything harms nobody.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TypeVar

from ioebss.errors import BackendError

T = TypeVar("T")
R = TypeVar("R")
POLL = 0.2  # seconds between looks at whether the run was interrupted
# One thread each: processes share the cores. Read by OpenMP and BLAS when a process starts.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def results_of(
    begin: Callable[[], Callable[[T], R]], tasks: Sequence[T], jobs: int
) -> Generator[tuple[T, R]]:
    """What processes make of tasks, in the order in which it comes.

    A failure is raised at the end: no task is begun after it, but what other processes are just
    doing comes first. So all tasks before the one that failed are kept, whichever process was
    quicker. At Ctrl-C what is done by then comes, and the processes are ended in the middle of the
    rest. They also end when this generator is closed.

    Args:
        begin: is called once in each process and returns what does a task there; it, the tasks and
            the results are pickled.
        jobs: processes, at most.

    Raises:
        IoebssError: of the first task that failed.
        BackendError: a process died.
        KeyboardInterrupt: the run was interrupted.
    """
    with _interrupts_noted() as noted:
        with _processes(begin, min(jobs, len(tasks))) as idle:
            yield from _hand_out(idle, tasks, noted)
        if noted:
            raise KeyboardInterrupt


def _hand_out(
    idle: list[Connection], tasks: Sequence[T], noted: Sequence[int]
) -> Generator[tuple[T, R]]:
    waiting = iter(tasks)
    busy: dict[Connection, T] = {}
    failure: Exception | None = None
    while not noted:
        for task in islice(waiting, len(idle) if failure is None else 0):
            pipe = idle.pop()
            busy[pipe] = task
            _send(pipe, task)
        if not busy:
            break
        for pipe in _answering(busy, POLL):
            task = busy.pop(pipe)
            answer: tuple[R] | Exception = _answer(pipe)
            idle.append(pipe)
            if isinstance(answer, Exception):
                failure = failure or answer
            else:
                yield task, answer[0]
    if failure is not None:
        raise failure
    for pipe in _answering(busy, 0):  # interrupted: what came since
        last: tuple[R] | Exception = _answer(pipe)
        if not isinstance(last, Exception):
            yield busy[pipe], last[0]


def _answering(busy: dict[Connection, T], seconds: float) -> list[Connection]:
    return [pipe for pipe in wait(list(busy), seconds) if isinstance(pipe, Connection)]


def _send(pipe: Connection, task: object) -> None:
    try:
        pipe.send(task)
    except OSError:
        return  # it died: its end of the pipe says so when it is asked for its answer


def _answer(pipe: Connection) -> tuple[R] | Exception:
    """What a process made of its task, or why there is nothing."""
    try:
        answer: tuple[R] | Exception = pipe.recv()
        return answer
    except (EOFError, OSError):
        return BackendError(
            "a process died, of too little memory perhaps; run it again to go on, with fewer --jobs"
        )


@contextmanager
def _interrupts_noted() -> Iterator[list[int]]:
    """Notes Ctrl-C, however often it comes, instead of raising it in the middle of something.

    What the caller does at Ctrl-C itself is left alone, and so are other threads than the main one,
    where Python raises it never.
    """
    noted: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield noted
        return
    signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _processes(begin: Callable[[], Callable[[T], R]], count: int) -> Iterator[list[Connection]]:
    """The pipes to new processes, which are ended afterwards, whatever they are doing."""
    started: list[tuple[SpawnProcess, Connection]] = []
    try:
        with _single_threaded(), _deaf_to_interrupts():
            for _ in range(count):
                started.append(_start(begin))
        yield [pipe for _, pipe in started]
    finally:
        for process, _ in started:
            process.terminate()
        for process, pipe in started:
            process.join()
            pipe.close()


def _start(begin: Callable[[], Callable[[T], R]]) -> tuple[SpawnProcess, Connection]:
    # Spawned, not forked: engines and their threads do not survive a fork.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(begin, theirs), daemon=True)
    process.start()
    theirs.close()  # so that ours ends when the process does
    return process, ours


@contextmanager
def _single_threaded() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that are started here never hear Ctrl-C, not even while they begin: a terminal
    sends it to all, and the first process ends the others."""
    resource_tracker.ensure_running()  # else the first process starts it, and it clears the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(begin: Callable[[], Callable[[T], R]], pipe: Connection) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    do = begin()
    while True:
        task = pipe.recv()
        try:
            answer: tuple[R] | Exception = (do(task),)
        except Exception as error:
            error.add_note(f"In process {os.getpid()}:\n{traceback.format_exc()}")
            answer = error
        pipe.send(answer)


def _end_with_parent() -> None:
    """A process whose parent was killed would do its task to the end first."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
