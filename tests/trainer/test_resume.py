"""A run that is killed and resumed ends with the very same weights as an unbroken one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ioebss.trainer import checkpoint
from ioebss.trainer.validation import score

TIMEOUT = 120


@pytest.fixture
def command(tmp_path: Path, tiny_recipe: Path, write_voc: Callable[..., Path]) -> list[str]:
    write_voc(tmp_path / "data")
    arguments = ["--device", "cpu", "--workers", "0", "--checkpoint-every", "0", "--cache-gb", "1"]
    files = ["--recipe", str(tiny_recipe), "--data", str(tmp_path / "data")]
    clicks = ("clicks.later=2", "clicks.coarse=0.4", "clicks.elsewhere=0.4")
    overrides = [word for key in clicks for word in ("--set", key)]
    return [sys.executable, "-m", "ioebss.trainer", *files, *arguments, *overrides]


def state_of(folder: Path) -> dict:
    path = folder / "checkpoint.json"
    return json.loads(path.read_text()) if path.exists() else {"epoch": 0, "iteration": 0}


def kill_within_epoch(process: subprocess.Popen, folder: Path, epoch: int, iteration: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    state = state_of(folder)
    while (state["epoch"], state["iteration"]) < (epoch, iteration):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
        state = state_of(folder)
    process.send_signal(signal.SIGKILL)
    assert process.wait(TIMEOUT) == -signal.SIGKILL


def test_killed_twice_and_resumed_equals_unbroken(
    tmp_path: Path,
    command: list[str],
    call: Callable[..., subprocess.CompletedProcess[str]],
    child_environment: dict[str, str],
) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    kwargs = {"env": child_environment, "stderr": subprocess.PIPE, "text": True}
    for epoch, iteration in ((0, 3), (1, 2)):
        with subprocess.Popen([*command, "--out", str(broken)], **kwargs) as process:
            kill_within_epoch(process, broken, epoch, iteration)
        state = state_of(broken)
        assert 0 < state["iteration"] < 8, "it should have been killed within an epoch"
    resumed = subprocess.run([*command, "--out", str(broken)], timeout=TIMEOUT, **kwargs)
    assert resumed.returncode == 0, resumed.stderr
    assert f"resuming at epoch 2, iteration {state['iteration']}" in resumed.stderr
    done = subprocess.run([*command, "--out", str(unbroken)], timeout=TIMEOUT, **kwargs)
    assert done.returncode == 0, done.stderr
    for kind in (checkpoint.CHECKPOINT, checkpoint.WEIGHTS):
        one, its_state = checkpoint.load(unbroken, kind)
        other, other_state = checkpoint.load(broken, kind)
        assert one.keys() == other.keys() and len(one) > 300
        different = [key for key in one if not torch.equal(one[key], other[key])]
        assert not different
        assert its_state["updates"] == other_state["updates"]
    assert state_of(unbroken)["updates"] == 2 * 8 * 2  # epochs, iterations, rounds
    scores = [[score(row) for row in state_of(run)["rows"]] for run in (unbroken, broken)]
    assert scores[0] == scores[1] and len(scores[0]) == 2
    lines = [(run / "log.csv").read_text().splitlines() for run in (unbroken, broken)]
    assert [len(rows) for rows in lines] == [3, 3]
    # The same command on a finished run has nothing left to do; another recipe is refused.
    again = call("ioebss-train", *command[3:], "--out", broken, "--set", "optimisation.batch=1")
    assert again.returncode == 2 and "another recipe" in again.stderr
