"""Measures methods on objects, photo by photo, in several processes, and keeps what was measured at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import cv2

from ioebss.errors import IoebssError
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.instances import Instance, fingerprint, scene_of
from ioebss.evaluation.journal import Journal
from ioebss.evaluation.protocol import Measurement, Method, Pointing, by_photo, measure_one
from ioebss.evaluation.scaled import ScaledDataset
from ioebss.evaluation.worker_pool import results_of
from ioebss.progress import Progress
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.scene import Scene, SceneDataset


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
        self._last: tuple[int, Scene, str] | None = None

    @cached_property
    def _dataset(self) -> SceneDataset:
        return self._job.open_dataset()

    def do(self, task: Task) -> list[Measurement]:
        """Measures the objects of a task; see `measure`."""
        return list(self.measure(task))

    def measure(self, task: Task) -> Iterator[Measurement]:
        """Measures the objects of a task one after the other.

        Raises:
            IoebssError: of the kind that the method or the data set raised; its message names both.
        """
        try:
            method, (scene, photo) = self._method(task.method), self._scene(task)
            for instance in task.objects:
                course = measure_one(method, scene, instance, self._job.pointing)
                yield Measurement(instance, course, photo)
        except IoebssError as error:
            where = f"{task.method} on {task.objects[0].scene}"
            raise type(error)(f"{where}: {error}") from error

    def _method(self, name: str) -> Method:
        if name not in self._methods:
            self._methods[name] = self._job.candidates[name].open()
        return self._methods[name]

    def _scene(self, task: Task) -> tuple[Scene, str]:
        """The photo of a task and its fingerprint."""
        index = task.objects[0].index
        if self._last is None or self._last[0] != index:
            scene = scene_of(self._dataset, task.objects)
            self._last = (index, scene, fingerprint(scene))
        return self._last[1:]


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
        KeyboardInterrupt: Ctrl-C. What was measured by then is kept.
    """
    tasks = tasks_left(instances, journals)
    total = len(instances) * len(journals)
    left = sum(len(task.objects) for task in tasks)
    results = results_of(partial(_begin, job), tasks, jobs) if jobs > 1 else _here(job, tasks)
    with progress.task("measuring", total, total - left) as advance, closing(results):
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


def _here(job: Job, tasks: Sequence[Task]) -> Generator[tuple[Task, list[Measurement]]]:
    worker = Worker(job)
    for task in tasks:
        for measurement in worker.measure(task):
            yield task, [measurement]


def _begin(job: Job) -> Callable[[Task], list[Measurement]]:
    cv2.setNumThreads(1)
    return Worker(job).do
