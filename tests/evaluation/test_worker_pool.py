"""Processes that fail, and runs that are interrupted while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss.errors import DataError
from ioebss.evaluation.worker_pool import THREADS, results_of


@pytest.fixture(autouse=True)
def importable(monkeypatch) -> None:
    """Processes that are spawned import the functions of this file by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


def begin(folder: Path) -> Callable[[int], int]:
    """Notes which tasks are begun; 3 fails, 10 waits for a sign, 20 takes ten minutes, those from
    30 on take a moment."""

    def do(task: int) -> int:
        (folder / f"begun-{task}").touch()
        if task == 3:
            raise DataError("no good")
        while task == 10 and not (folder / "sign").exists():
            time.sleep(0.01)
        if task == 20:
            time.sleep(600)
        if task >= 30:
            time.sleep(0.05)
        return -task

    return do


def has_all(folder: Path, *tasks: int) -> bool:
    return all((folder / f"begun-{task}").exists() for task in tasks)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_all_tasks_are_done_once(tmp_path) -> None:
    found = list(results_of(partial(begin, tmp_path), [0, 1, 2, 4, 5], 2))
    assert sorted(found) == [(0, 0), (1, -1), (2, -2), (4, -4), (5, -5)]
    assert list(results_of(partial(begin, tmp_path), [], 2)) == []


def test_what_was_begun_when_one_fails_comes_and_no_more(tmp_path) -> None:
    found: list[int] = []
    # However long one process takes to fail, the other is not done with a thousand by then.
    tasks = [0, 1, 2, 3, *range(30, 1026)]
    results = results_of(partial(begin, tmp_path), tasks, 2)
    with pytest.raises(DataError, match="no good"):
        found.extend(task for task, _ in results)
    begun = {int(path.name.partition("-")[2]) for path in tmp_path.iterdir()}
    assert {0, 1, 2} <= set(found)
    assert begun == {*found, 3} and len(begun) < len(tasks)


def test_at_an_interrupt_what_is_done_comes_and_the_rest_is_ended(tmp_path) -> None:
    results = results_of(partial(begin, tmp_path), [0, 10, 20, 5], 3)
    before = {name: os.environ.get(name) for name in THREADS}
    assert next(results) == (0, 0)
    wait_until(lambda: has_all(tmp_path, 10, 20))
    (tmp_path / "sign").touch()
    time.sleep(1)  # 10 is done, and nobody asked for it yet
    for _ in range(3):
        signal.raise_signal(signal.SIGINT)
    assert next(results) == (10, -10)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert {name: os.environ.get(name) for name in THREADS} == before
    assert not has_all(tmp_path, 5)


def test_processes_end_with_their_reader(tmp_path) -> None:
    results = results_of(partial(begin, tmp_path), [0, 20], 2)
    next(results)
    results.close()  # it would take ten minutes otherwise
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture
def slow_bench(voc_tree: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts `ioebss-bench accuracy` on small photos and then on one that takes minutes a click."""
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    labels = np.zeros((3000, 4000), np.uint8)
    labels[500:2500, 500:2500] = 1
    Image.fromarray(noise).save(voc_tree / "JPEGImages" / "large.bmp")
    Image.fromarray(labels).save(voc_tree / "SegmentationObject" / "large.png")
    with (voc_tree / "ImageSets" / "Segmentation" / "val.txt").open("a") as names:
        names.write("\nlarge")
    command = [sys.executable, "-c", "from ioebss.evaluation.cli import main; main()", "accuracy"]
    command += ["--data", str(voc_tree), "--methods", "grab_cut", "--jobs", "2", "--clicks", "3"]
    command += ["--out", str(tmp_path / "out")]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)

    return start


def journal_of(folder: Path) -> list[str]:
    path = folder / "out" / "journals" / "grab_cut.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def children_of(process: subprocess.Popen[str]) -> int:
    return len(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


def is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("moment", ["while processes begin", "while they measure"])
def test_a_run_that_is_interrupted_at_a_terminal(slow_bench, tmp_path, moment) -> None:
    with slow_bench() as running:
        if moment == "while they measure":
            wait_until(lambda: len(journal_of(tmp_path)) == 7)  # all but the large photo
        else:
            wait_until(lambda: children_of(running) == 3)  # two, and Python's own tracker
        for _ in range(4):  # as a terminal does: to all processes
            if not is_gone(running.pid):
                os.killpg(running.pid, signal.SIGINT)
            time.sleep(0.1)
        said = running.communicate(timeout=60)[1]
    # The last signals may end it by themselves when everything else is done; a shell says 130 too.
    assert running.returncode in (130, -signal.SIGINT)
    assert said.count("interrupted") == 1
    assert "Traceback" not in said and "Exception" not in said
    wait_until(lambda: is_gone(running.pid))
    if moment == "while they measure":
        assert len(journal_of(tmp_path)) == 7
