"""Runs that are stopped, go on, fail, and are spread over processes: nothing measured is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from ioebss.clicks import Click
from ioebss.errors import BackendError, DataError, OutputError, UsageError
from ioebss.evaluation import driver
from ioebss.evaluation.candidates import Candidate, Options, parse_candidates
from ioebss.evaluation.instances import Instance, list_instances
from ioebss.evaluation.journal import Journal
from ioebss.evaluation.methods.grab_cut import GrabCut
from ioebss.evaluation.protocol import Course, Measurement, Method, Pointing
from ioebss.progress import Progress
from ioebss.trainer.datasets import open_dataset

QUIET = Progress(quiet=True)


@pytest.fixture
def job(voc_tree: Path, tiny_model: Path) -> driver.Job:
    candidates = {n: Candidate(n, (tiny_model,), Options()) for n in ("one", "two")}
    return driver.Job((voc_tree,), "val", candidates, Pointing(max_clicks=2))


@pytest.fixture
def instances(voc_tree: Path) -> list[Instance]:
    return list_instances(open_dataset([voc_tree], "val"))


@pytest.fixture(autouse=True)
def importable(monkeypatch) -> None:
    """Processes that are spawned import the classes of this file by its name, from the checkout."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


def measure(job: driver.Job, instances: list[Instance], folder: Path, jobs: int = 1) -> None:
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        journals = {
            name: stack.enter_context(Journal(folder / f"{name}.jsonl", {"name": name}))
            for name in job.candidates
        }
        driver.run(job, instances, journals, jobs, QUIET)


def rows(folder: Path) -> dict[str, list[dict[str, object]]]:
    """Of each method, without the times."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            line.pop("milliseconds", None)
        found[path.stem] = lines
    return found


class StoppedError(Exception):
    pass


def interrupted(after: int) -> Iterator[None]:
    for _ in range(after):
        yield
    raise StoppedError


def test_a_stopped_run_goes_on_and_measures_nothing_twice(
    job, instances, tmp_path, monkeypatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    measure(job, instances, whole)
    ticks = interrupted(5)
    opened: list[str] = []
    original = driver.measure_one

    def noting(method, scene, instance, pointing):
        next(ticks)
        opened.append(f"{instance.scene} {instance.label}")
        return original(method, scene, instance, pointing)

    monkeypatch.setattr(driver, "measure_one", noting)
    with pytest.raises(StoppedError):
        measure(job, instances, parts)
    ticks = interrupted(99)
    kept = sum(len(lines) - 1 for lines in rows(parts).values())
    opened.clear()
    measure(job, instances, parts)
    assert kept == 5
    assert len(opened) == 2 * len(instances) - kept
    assert rows(parts) == rows(whole)


def test_processes_give_what_one_gives(job, instances, tmp_path) -> None:
    measure(job, instances, tmp_path / "one")
    measure(job, instances, tmp_path / "two", jobs=2)

    def by_object(folder: Path) -> dict[str, list[object]]:
        return {
            name: sorted(lines[1:], key=lambda row: (row["index"], row["label"]))
            for name, lines in rows(folder).items()
        }

    assert by_object(tmp_path / "one") == by_object(tmp_path / "two")


def test_a_torn_last_line_is_dropped(job, instances, tmp_path) -> None:
    measure(job, instances, tmp_path)
    complete = rows(tmp_path)
    path = tmp_path / "one.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    with Journal(path, {"name": "one"}) as journal:
        assert len(journal.measurements) == len(instances) - 1
    measure(job, instances, tmp_path)
    assert rows(tmp_path) == complete


def test_what_is_resumed_sums_up_as_what_was_measured(tmp_path) -> None:
    course = Course((Click(1, 2),), (1 / 3,), (2 / 3,), (1 / 7,), (1 / 9,))
    with Journal(tmp_path / "a.jsonl", {"name": "a"}) as journal:
        journal.add(Measurement(Instance(0, "a", 1, 9), course))
    assert Journal(tmp_path / "a.jsonl", {"name": "a"}).measurements == journal.measurements


def test_a_journal_of_something_else_is_left_alone(tmp_path) -> None:
    path = tmp_path / "a.jsonl"
    kept = {"name": "a", "sides": [1, 2]}
    old = {"model": {"size": 320, **kept}, "data": kept}
    Journal(path, old).__enter__().__exit__(None, None, None)
    before = path.read_bytes()
    with pytest.raises(UsageError) as refusal:
        Journal(path, {"model": {"size": 256, "zoom": None, **kept}, "data": kept})
    assert str(refusal.value).endswith(
        "a.jsonl holds another measurement: model.size was 320, now it is 256; model.zoom was "
        "not there, now it is None; give another --out, or move the file away"
    )
    with pytest.raises(UsageError, match=r"k0 was .* k3 was not there, now it is 3; and 5 more;"):
        Journal(path, {f"k{i}": i for i in range(4)})
    assert path.read_bytes() == before


def test_a_journal_of_other_constants_is_refused(tmp_path) -> None:
    candidate, path = Candidate("grab_cut"), tmp_path / "grab_cut.jsonl"
    Journal(path, {"model": candidate.setup(GrabCut())}).__enter__().__exit__(None, None, None)
    Journal(path, {"model": candidate.setup(GrabCut())}).__enter__().__exit__(None, None, None)
    with pytest.raises(
        UsageError, match=r"measurement: model\.constants\.iterations was \d+, now it is \d+;"
    ):
        Journal(path, {"model": candidate.setup(GrabCut(iterations=GrabCut.iterations + 1))})


@pytest.mark.parametrize("text", ["nonsense\n", "[]\n", '{"name": "a"}\n{"index": 1}\n'])
def test_a_damaged_journal_is_refused(tmp_path, text) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(DataError, match="is damaged"):
        Journal(tmp_path / "a.jsonl", {"name": "a"})
    assert (tmp_path / "a.jsonl").read_text() == text


def test_a_journal_that_cannot_be_written(tmp_path) -> None:
    with (
        pytest.raises(OutputError, match="cannot be used"),
        Journal(tmp_path / "no" / "a.jsonl", {}),
    ):
        pass


def test_a_failure_names_the_method_and_the_photo_and_keeps_the_rest(
    job, instances, tmp_path, voc_tree
) -> None:
    (voc_tree / "JPEGImages" / "scene2.png").write_bytes(b"no photo")
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        with pytest.raises(Exception, match=r"(one|two) on scene2: .*scene2\.png"):
            measure(job, instances, folder, jobs)
        assert all(len(lines) > 1 for lines in rows(folder).values())


class Failing:
    """Fails, and says so."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def open(self, photo: np.ndarray) -> Method:
        self.sign.touch()
        raise DataError("no good")


class Late:
    """Answers long after the other has failed."""

    def __init__(self, sign: Path) -> None:
        self.sign = sign

    def open(self, photo: np.ndarray) -> Late:
        while not self.sign.exists():
            time.sleep(0.01)
        time.sleep(0.5)
        self.mask = np.zeros(photo.shape[:2], bool)
        return self

    def click(self, x: float, y: float, label: int = 1) -> np.ndarray:
        return self.mask


class SignCandidate(Candidate):
    def open(self) -> Method:
        kind = Failing if self.name == "one" else Late
        return kind(self.files[0])  # type: ignore[return-value]


def test_what_another_process_is_doing_when_one_fails_is_kept(job, instances, tmp_path) -> None:
    candidates = {name: SignCandidate(name, (tmp_path / "sign",)) for name in ("one", "two")}
    both = driver.Job(job.roots, job.split, candidates, job.pointing)
    with pytest.raises(DataError, match="one on scene0: no good"):
        measure(both, instances[:2], tmp_path / "out", 2)
    assert [len(lines) - 1 for lines in rows(tmp_path / "out").values()] == [0, 2]


class Deadly:
    """Takes its process with it."""

    def open(self, photo: np.ndarray) -> Method:
        import os

        os._exit(9)


class DeadlyCandidate(Candidate):
    def open(self) -> Method:
        return Deadly()  # type: ignore[return-value]


def test_a_process_that_dies_is_an_error(job, instances, tmp_path) -> None:
    deadly = driver.Job(job.roots, job.split, {"one": job.candidates["one"]}, job.pointing)
    measure(deadly, instances[:2], tmp_path)
    deadly = driver.Job(job.roots, job.split, {"one": DeadlyCandidate("one")}, job.pointing)
    with pytest.raises(BackendError, match="a process died"):
        measure(deadly, instances, tmp_path, 2)
    assert len(rows(tmp_path)["one"]) == 3


def test_a_mask_of_another_size_is_named(job, instances, tmp_path, monkeypatch) -> None:
    class Wrong:
        def open(self, photo):
            return self

        def click(self, x, y, label=1):
            return np.ones((3, 3), bool)

    monkeypatch.setattr(Candidate, "open", lambda self: Wrong())
    with pytest.raises(UsageError, match=r"one on scene0: prediction has shape \(3, 3\)"):
        measure(job, instances, tmp_path)


def test_candidates_by_name() -> None:
    options = Options(threads=2)
    found = parse_candidates(
        ["ioebss, a/b.onnx", "mine=c.onnx", "sam=e.onnx+d.onnx", "net=run", "dios=dios:run"],
        options,
    )
    assert [(c.name, len(c.files), c.is_ours) for c in found] == [
        ("ioebss", 1, True),
        ("b", 1, True),
        ("mine", 1, True),
        ("sam", 2, False),
        ("net", 1, False),
        ("dios", 1, False),
    ]
    assert all(c.options.threads == 2 for c in found)
    assert [c.refined for c in found] == [False] * 5 + [True]
    for wrong in ("a=", "a=x+y+z", "a=dios:x+y", "a=dios:", "a=x+"):
        with pytest.raises(UsageError, match="is not NAME=FILE"):
            parse_candidates([wrong], options)


def test_measurements_survive_the_journal(job, instances, tmp_path) -> None:
    measure(job, instances[:1], tmp_path)
    with Journal(tmp_path / "one.jsonl", {"name": "one"}) as journal:
        (kept,) = journal.measurements.values()
    assert isinstance(kept, Measurement) and kept.instance == instances[0]
    assert len(kept.course.ious) == len(kept.course.boundary_ious) == 2
