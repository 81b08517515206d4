"""The measurement on a GPU, as far as it goes without one: turns, statistics, reasons, files. How
long anything takes is not tested.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ioebss.errors import BackendError
from ioebss.evaluation.gpu_rows import CLICK, NETWORK, NO_TIME, Limits, Row, format_rows, measure
from ioebss.evaluation.gpu_speed import plan_of
from ioebss.progress import Progress

QUIET = Progress(quiet=True)


class Steps:
    """Answers given numbers in turn, and notes in a common list that it was asked."""

    def __init__(self, name: str, log: list[str], fails_at: int = 10**9) -> None:
        self.notes: dict[str, Any] = {"of": name}
        self.name, self.log, self.fails_at, self.count = name, log, fails_at, 0

    def step(self) -> float:
        self.count += 1
        if self.count == self.fails_at:
            raise RuntimeError("the kernel\n  is gone")
        self.log.append(self.name)
        return float(self.count)

    def close(self) -> None:
        self.log.append(f"{self.name} closed")


def refuse() -> Steps:
    raise BackendError("no NVIDIA driver | here")


def test_turns_and_statistics() -> None:
    log: list[str] = []
    rows = [Row(NETWORK, "m", name, 256) for name in "ab"]
    plan = [(rows[0], lambda: Steps("a", log)), (rows[1], lambda: Steps("b", log))]
    measure(plan, Limits(repeats=50, warm_up=4, budget=60, total=60), QUIET)
    # First step and warming up, then blocks in turns: 20, 20, 10.
    assert log[:10] == ["a"] * 5 + ["b"] * 5
    turns = (["a"] * 20 + ["b"] * 20) * 2 + ["a"] * 10 + ["b"] * 10
    assert log[10:] == [*turns, "a closed", "b closed"]
    table = rows[0].as_json()
    assert table["n"] == 50 and table["first"] == 1 and table["of"] == "a"
    values = np.arange(6, 56)  # five steps came before
    assert table["median"] == 30.5 and table["minimum"] == 6
    assert table["low"] == np.percentile(values, 25) and table["high"] == np.percentile(values, 75)


def test_what_fails_has_a_reason_and_the_others_their_times() -> None:
    log: list[str] = []
    rows = [Row(CLICK, "m", name, 256) for name in ("refused", "breaks", "late", "works")]
    plan = [
        (rows[0], refuse),
        (rows[1], lambda: Steps("x", log, fails_at=3)),
        (rows[2], lambda: Steps("y", log, fails_at=30)),
        (rows[3], lambda: Steps("z", log)),
    ]
    kept: list[int] = []
    measure(plan, Limits(40, 4, 60, 60), QUIET, lambda: kept.append(len(log)))
    reasons = [row.reason for row in rows]
    assert reasons == ["no NVIDIA driver | here", "the kernel is gone", "the kernel is gone", ""]
    assert [len(row.values) for row in rows] == [0, 0, 0, 40]
    assert len(kept) == 5 and "z closed" in log
    assert rows[2].as_json()["reason"] == "the kernel is gone"


def test_the_time_limit() -> None:
    log: list[str] = []
    rows = [Row(CLICK, "m", name, 256) for name in "ab"]
    plan = [(row, lambda: Steps("a", log)) for row in rows]
    measure(plan, Limits(40, 4, 60, total=-1.0), QUIET)
    assert [row.reason for row in rows] == [NO_TIME] * 2 and not log
    measure(plan[:1], Limits(40, 4, budget=-1.0, total=60), QUIET)
    assert rows[0].reason == NO_TIME and log == ["a", "a closed"]


def test_tables() -> None:
    timed = Row(CLICK, "default", "onnxruntime-cpu fp32", 320, True, [1.0, 2.0, 4.0], 9.0)
    refused = [Row(NETWORK, "default", "tensorrt", s, reason="no | driver") for s in (256, 512)]
    text = format_rows([row.as_json() for row in (timed, *refused)])
    assert (
        "| default | onnxruntime-cpu fp32 | 320, zooming in | 2.000 | 1.500 .. 3.000 | 3 | 9 |"
        in text
    )
    assert "| network, default | tensorrt | 256, 512 | no / driver |" in text
    assert "Network alone" not in text


def test_the_plan() -> None:
    pytest.importorskip("onnxslim")
    from ioebss.evaluation.gpu_models import Models

    models = Models(Path("nowhere"), None, QUIET)
    names = [
        (row.what, row.model, row.runner, row.side, row.zoom)
        for row, _ in plan_of(models, ("clicks", "networks", "paper"), (256, 512))
    ]
    assert len(names) == len(set(names)) == 2 * 6 + 3 * 6 + 2 * 2 + 2
    assert (CLICK, "default", "onnxruntime-cpu fp32", 320, True) in names


def test_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    command = [sys.executable, "-m", "ioebss.evaluation.gpu_speed", "--out", str(tmp_path / "o")]
    few = ["--side", "256", "--part", "clicks", "--repeats", "3", "--budget", "0.2"]
    done = subprocess.run([*command, *few], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = json.loads((tmp_path / "o" / "gpu-speed.json").read_text())
    rows = {(r["runner"], r["side"]): r for r in table["rows"]}
    assert rows["onnxruntime-cpu fp32", 256]["n"] >= 1
    for flavour in ("tensorrt", "tensorrt-rtx"):
        assert "NVIDIA driver" in rows[f"{flavour} fp16", 256]["reason"]
    assert table["measured_at"] and table["versions"]["onnxruntime"]
    assert (tmp_path / "o" / "gpu-speed.md").read_text().count("onnxruntime-cpu fp32 | ") == 2
    wrong = subprocess.run([*command, "--repeats", "0"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "--repeats 0" in wrong.stderr
