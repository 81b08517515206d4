"""Measures methods on objects, photo by photo, in several processes, and keeps what was measured at
once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path

import cv2

from ioebss.errors import BackendError, IoebssError
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.instances import Instance, scene_of
from ioebss.evaluation.journal import Journal
from ioebss.evaluation.protocol import Measurement, Method, Pointing, by_photo, measure_one
from ioebss.evaluation.scaled import ScaledDataset
from ioebss.progress import Progress
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.scene import Scene, SceneDataset

AHEAD = 4  # tasks of each process that are handed out before their turn
# One thread each: processes share the cores. Read by OpenMP and BLAS when a process starts.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """What every process has to know.

    Attributes:
        roots, split: of the data set, see `ioebss.trainer.datasets.open_dataset`.
        candidates: by name.
        pointing: how objects are pointed out.
        side: larger photos are scaled down to this longer side in pixels; None leaves them.
    """

    roots: tuple[Path, ...]
    split: str
    candidates: Mapping[str, Candidate]
    pointing: Pointing
    side: int | None = None

    def open_dataset(self) -> SceneDataset:
        """The data set, see `ioebss.trainer.datasets.open_dataset`."""
        dataset = open_dataset(list(self.roots), self.split)
        return ScaledDataset(dataset, self.side) if self.side else dataset


@dataclass(frozen=True)
class Task:
    """A method, and objects of one photo."""

    method: str
    objects: tuple[Instance, ...]


class Worker:
    """Does tasks of a job one after the other. Methods and the last photo are kept."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._methods: dict[str, Method] = {}
        self._last: tuple[int, Scene] | None = None

    @cached_property
    def _dataset(self) -> SceneDataset:
        return self._job.open_dataset()

    def do(self, task: Task) -> list[Measurement]:
        """Measures the objects of a task.

        Raises:
            IoebssError: of the kind that the method or the data set raised; its message names both.
        """
        try:
            method, scene = self._method(task.method), self._scene(task)
            pointing = self._job.pointing
            return [measure_one(method, scene, instance, pointing) for instance in task.objects]
        except IoebssError as error:
            where = f"{task.method} on {task.objects[0].scene}"
            raise type(error)(f"{where}: {error}") from error

    def _method(self, name: str) -> Method:
        if name not in self._methods:
            self._methods[name] = self._job.candidates[name].open()
        return self._methods[name]

    def _scene(self, task: Task) -> Scene:
        index = task.objects[0].index
        if self._last is None or self._last[0] != index:
            self._last = (index, scene_of(self._dataset, task.objects))
        return self._last[1]


def run(
    job: Job,
    instances: Sequence[Instance],
    journals: Mapping[str, Journal],
    jobs: int,
    progress: Progress,
) -> None:
    """Measures what the journals do not hold yet, and writes it there as soon as it is known.

    Photos come in the order of the list, and all methods on each before the next, so that a run
    that is stopped has measured all methods on the same photos.

    Args:
        instances: objects, those of one photo together.
        journals: one for each candidate.
        jobs: processes; 1 stays in this one.

    Raises:
        IoebssError: whatever a method or the data set raises. What was measured is kept.
        BackendError: a process died.
    """
    tasks = tasks_left(instances, journals)
    total = len(instances) * len(journals)
    left = sum(len(task.objects) for task in tasks)
    results = _in_processes(job, tasks, jobs) if jobs > 1 else _here(job, tasks)
    with progress.task("measuring", total, total - left) as advance:
        for task, measurements in results:
            for measurement in measurements:
                journals[task.method].add(measurement)
                advance(task.method)


def tasks_left(instances: Sequence[Instance], journals: Mapping[str, Journal]) -> list[Task]:
    """What is still to be measured: by photo, then by method."""
    tasks = []
    for objects in by_photo(instances):
        for name, journal in journals.items():
            missing = tuple(o for o in objects if o not in journal.measurements)
            if missing:
                tasks.append(Task(name, missing))
    return tasks


def _here(job: Job, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Measurement]]]:
    worker = Worker(job)
    for task in tasks:
        yield task, worker.do(task)


def _in_processes(
    job: Job, tasks: Sequence[Task], jobs: int
) -> Iterator[tuple[Task, list[Measurement]]]:
    """Results in the order in which they come."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    # Spawned, not forked: engines and their threads do not survive a fork.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (job,))
    try:
        yield from results_of(pool, tasks, AHEAD * jobs)
    except BrokenProcessPool:
        raise BackendError(
            "a process died, of too little memory perhaps; run it again to go on, with fewer --jobs"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def results_of(
    pool: Executor, tasks: Iterable[Task], ahead: int
) -> Iterator[tuple[Task, list[Measurement]]]:
    """What the processes of a pool make of tasks, in the order in which it comes.

    A failure is raised at the end: no task is begun after it, but what other processes have done
    by then, or are just doing, comes first. So all tasks before the one that failed are kept,
    whichever process was quicker.

    Args:
        ahead: how many tasks are handed out at a time.

    Raises:
        IoebssError: of the first task that failed.
        BrokenProcessPool: a process died.
    """
    waiting = iter(tasks)
    running: dict[Future[list[Measurement]], Task] = {}
    failure: BaseException | None = None
    while True:
        try:
            for task in islice(waiting, ahead - len(running) if failure is None else 0):
                running[pool.submit(_do, task)] = task
        except BrokenProcessPool as error:  # it refuses tasks before it says so of those it has
            failure = failure or error
        if not running:
            break
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            task, failed = running.pop(future), future.exception()
            if failed is None:
                yield task, future.result()
            else:
                failure = failure or failed
        if failure is not None:
            running = {future: task for future, task in running.items() if not future.cancel()}
    if failure is not None:
        raise failure


_worker: Worker


def _begin(job: Job) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _worker = Worker(job)


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(task: Task) -> list[Measurement]:
    return _worker.do(task)
