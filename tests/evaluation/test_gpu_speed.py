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

from ioebss import BUNDLED
from ioebss.errors import BackendError
from ioebss.evaluation.gpu_rows import CLICK, NETWORK, NO_TIME, Limits, Row, format_rows, measure
from ioebss.evaluation.gpu_speed import main, plan_of
from ioebss.manifest import read_manifest
from ioebss.progress import Progress

QUIET = Progress(quiet=True)


class Steps:
    """Answers given numbers in turn, and notes in a common list that it was asked."""

    def __init__(self, name: str, log: list[str], fails_at: int = 10**9) -> None:
        self.name, self.log, self.fails_at, self.count = name, log, fails_at, 0

    def step(self) -> float:
        self.count += 1
        if self.count == self.fails_at:
            raise RuntimeError("the kernel\n  is gone")
        self.log.append(self.name)
        return float(self.count)

    def notes(self) -> dict[str, Any]:
        return {"of": self.name, "steps before": self.count}

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
    assert log[10:] == [*turns, "b closed", "a closed"]
    table = rows[0].as_json()
    assert table["n"] == 50 and table["first"] == 1 and table["of"] == "a"
    assert table["steps before"] == 5
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
    assert len(kept) == 4 + 2 + 1, "after opening each, after each turn, and at the end"
    closed = [line for line in log if "closed" in line]
    assert closed == ["x closed", "z closed", "y closed"], "each once, also what fails in warm-up"
    assert rows[2].as_json()["reason"] == "the kernel is gone"


def test_what_ends_early_keeps_the_turns_before() -> None:
    class Interrupted(Steps):
        def step(self) -> float:
            if self.count == 1 + 4 + 20 + 3:  # in the second turn
                raise KeyboardInterrupt
            return super().step()

    log: list[str] = []
    rows = [Row(CLICK, "m", name, 256) for name in "ab"]
    plan = [(rows[0], lambda: Steps("a", log)), (rows[1], lambda: Interrupted("b", log))]
    kept: list[list[int]] = []

    def keep() -> None:
        kept.append([len(row.values) for row in rows])

    with pytest.raises(KeyboardInterrupt):
        measure(plan, Limits(60, 4, 60, 60), QUIET, keep)
    assert kept == [[0, 0], [0, 0], [20, 20]]
    assert log[-2:] == ["b closed", "a closed"]


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


@pytest.mark.parametrize(
    ("option", "value"),
    [("repeats", "0"), ("side", "-1"), ("side", "0"), ("side", "250"), ("fp16", "nowhere.onnx")],
)
def test_wrong_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
) -> None:
    out = tmp_path / "o"
    arguments = ["gpu_speed", "--out", str(out), f"--{option}", value]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 2 and f"--{option} {value}" in capsys.readouterr().err
    assert not out.exists()


def test_the_first_step_is_the_first_click() -> None:
    """The masks are compared after it, and leave the session as it was opened."""
    from ioebss.evaluation.gpu_subjects import WholeClick

    asked: list[str] = []

    class Named:
        """A network that answers alike, and notes that it was asked."""

        name = "named"

        def __init__(self, label: str) -> None:
            self.label = label

        def run(self, inputs: np.ndarray) -> np.ndarray:
            asked.append(self.label)
            return np.full((len(inputs), 1, *inputs.shape[2:]), 2.0, np.float32)

    photo = np.zeros((64, 64, 3), np.uint8)
    manifest = read_manifest(BUNDLED)
    subject = WholeClick(Named("timed"), manifest, photo, 64, False, Named("reference"))
    assert not asked
    subject.step()
    assert asked == ["timed"]
    assert subject.notes() == {"iou": 1.0}
    assert asked == ["timed", *["timed", "reference"] * 3]
    assert not subject._session.clicks
    alone = WholeClick(Named("timed"), manifest, photo, 64, False, None)
    assert alone.notes() == {}
