"""Timing: who is run when and how often, and what is written; never how long it took."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ioebss import Segmenter
from ioebss.errors import DataError, ModelError
from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.evaluation.speed import LATER_CLICKS, STAGES, Times, measure_clicks
from ioebss.evaluation.trade_off import read_accuracy
from ioebss.manifest import read_manifest
from ioebss.progress import Progress

MakeModel = Callable[..., Path]
Command = Callable[..., subprocess.CompletedProcess[str]]
QUIET = Progress(quiet=True)


class Noting:
    """A backend that notes its name at every call."""

    def __init__(self, segmenter: Segmenter, name: str, notes: list[str]) -> None:
        self.inner, self.name, self.notes = segmenter._backend, name, notes
        segmenter._backend = self

    def run(self, inputs: np.ndarray) -> np.ndarray:
        self.notes.append(self.name)
        return self.inner.run(inputs)


def test_candidates_take_turns_and_the_first_round_only_warms_up(make_model: MakeModel) -> None:
    notes: list[str] = []
    candidates = {name: Segmenter(make_model()) for name in "ab"}
    for name, segmenter in candidates.items():
        Noting(segmenter, name, notes)
    photos = {"small": np.zeros((40, 60, 3), np.uint8), "large": np.zeros((80, 90, 3), np.uint8)}
    graph = ForeignGraphs([make_model(side=32)], 1)
    clicks, graphs = measure_clicks(candidates, photos, {"other": graph}, 3, QUIET)
    assert list(clicks) == [(c, p) for c in "ab" for p in ("small", "large")]
    for times in clicks.values():
        assert len(times.first.values) == 3
        assert len(times.later.values) == 3 * LATER_CLICKS
        assert set(times.stages) == set(STAGES)
        parts = np.array([times.stages[s].values for s in STAGES]).sum(0)
        assert (parts <= np.array(times.later.values)).all()
    assert len(graphs["other"].values) == 3 * LATER_CLICKS
    session = 1 + LATER_CLICKS
    assert "".join(notes) == ("a" * 2 * session + "b" * 2 * session) * 4


def test_times() -> None:
    assert Times([3.0, 1.0, 2.0, 10.0]).as_json() == {"median": 2.5, "minimum": 1.0, "n": 4}


def test_graphs_that_cannot_be_run(tmp_path: Path, make_model: MakeModel) -> None:
    path = tmp_path / "no.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be loaded"):
        ForeignGraphs([path], None)
    with pytest.raises(ModelError, match="export it with a fixed size"):
        ForeignGraphs([make_model()], None)
    assert ForeignGraphs([make_model(side=32)], None).shapes == [{"input": [1, 6, 32, 32]}]


def test_results_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_accuracy(tmp_path / "none.json")
    path = tmp_path / "a.json"
    for text in ("[", "{}", '{"model": 3, "summary": {}}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(DataError, match="is not a result of ioebss-bench"):
            read_accuracy(path)


def test_the_command(command: Command, make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(recommended_sizes=(64,))
    other = tmp_path / "other.onnx"
    shutil.copy(make_model(side=32), other)
    model = make_model(recommended_sizes=(64,))
    summary = {"objects": 7, "mean_iou": {str(k): {"mean": 0.1 * k} for k in (1, 3, 5)}}
    accuracy = {
        "model": {"sha256": read_manifest(model).sha256, "size": 64},
        "data": {"split": "val"},
        "summary": summary,
    }
    (tmp_path / "accuracy.json").write_text(json.dumps(accuracy))
    few = accuracy | {"summary": {"objects": 7, "mean_iou": {"1": {"mean": 0.1}}}}
    (tmp_path / "few.json").write_text(json.dumps(few))
    flip = accuracy | {"model": {"sha256": "ab", "size": 64, "flip": True}}
    (tmp_path / "flip.json").write_text(json.dumps(flip))
    arguments = ("--model", model, "--repeats", "1", "--megapixels", "0.01", "--threads", "1")
    beside = ("--beside", f"Other={other}+{other}")
    result = command(
        "ioebss-speed",
        *arguments,
        *("--size", "32", "--size", "64"),
        *beside,
        *("--accuracy", "accuracy.json", "--out", "speed.json"),
    )
    assert result.returncode == 0, result.stderr
    assert "discs fp32 64, 0.01 MP" in result.stdout
    assert "/Other" in result.stdout
    written = json.loads((tmp_path / "speed.json").read_text())
    assert [row["size"] for row in written["clicks"]] == [32, 64]
    assert written["clicks"][0]["later"]["n"] == LATER_CLICKS
    assert written["graphs"]["Other"]["n"] == LATER_CLICKS
    assert (tmp_path / "speed-trade-off.png").stat().st_size > 5000
    for wrong, code, text in (
        (("--repeats", "0"), 2, "must be 1 or more"),
        (("--megapixels", "1e9"), 2, "--megapixels"),
        (("--out", "speed.txt"), 2, "name it .json"),
        (("--beside", "other.onnx"), 2, "is not NAME=GRAPH.onnx"),
        (("--accuracy", "none.json", "--out", "x.json"), 1, "cannot be read"),
        (("--size", "32", "--accuracy", "accuracy.json", "--out", "x.json"), 1, "is not timed"),
        (("--accuracy", "accuracy.json"), 2, "give that too"),
        (("--out", "none/x.json"), 1, "cannot be written"),
        (("--size", "32", "--size", "32"), 2, "is given twice"),
        ((*beside, *beside), 2, "a name of its own"),
        (("--accuracy", "few.json", "--out", "x.json"), 1, "after 5 clicks"),
        (("--accuracy", "flip.json", "--out", "x.json"), 1, "measured with --flip"),
    ):
        result = command("ioebss-speed", *arguments, *wrong)
        assert result.returncode == code, (wrong, result.stderr)
        assert text in result.stderr
        assert "Traceback" not in result.stderr
