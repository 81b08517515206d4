"""Timing: who is run when and how often, and what is written; never how long it took."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ioebss import Segmenter
from ioebss.errors import DataError, ModelError
from ioebss.evaluation.cli import main
from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.evaluation.methods.timing import Timing
from ioebss.evaluation.planes_speed import opencv_distances, random_points
from ioebss.evaluation.speed import (
    LATER_CLICKS,
    STAGES,
    Subject,
    Times,
    measure_clicks,
    measure_growth,
)
from ioebss.evaluation.speed_plots import plot_curves
from ioebss.evaluation.tables import source
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


def test_methods_take_turns_and_the_first_round_only_warms_up(make_model: MakeModel) -> None:
    notes: list[str] = []
    segmenters = {name: Segmenter(make_model()) for name in "ab"}
    for name, segmenter in segmenters.items():
        Noting(segmenter, name, notes)
    photos = {64: np.zeros((40, 64, 3), np.uint8), 90: np.zeros((80, 90, 3), np.uint8)}
    subjects = {(n, side): Subject(segmenters[n], photos[side]) for n in "ab" for side in photos}
    graph = ForeignGraphs([make_model(side=32)], 1)
    clicks, graphs = measure_clicks(subjects, {"other": graph}, 3, 60, QUIET)
    assert list(clicks) == [(n, side) for n in "ab" for side in photos]
    for times in clicks.values():
        assert len(times.first.values) == 3
        assert len(times.later.values) == 3 * LATER_CLICKS
        assert set(times.stages) == set(STAGES)
        parts = np.array([times.stages[s].values for s in STAGES[1:]]).sum(0)
        assert (parts <= np.array(times.later.values)).all()
        assert (np.array(times.stages["prepare"].values) <= times.first.values).all()
    assert len(graphs["other"].values) == 3 * LATER_CLICKS
    session = 1 + LATER_CLICKS
    assert "".join(notes) == ("a" * 2 * session + "b" * 2 * session) * 4


class Slow:
    """A method that needs a tenth of a second for every click and tells no stages."""

    def open(self, photo: np.ndarray) -> Slow:
        self.mask = np.zeros(photo.shape[:2], bool)
        return self

    def click(self, x: float, y: float, label: int = 1) -> np.ndarray:
        time.sleep(0.1)
        return self.mask


def test_a_slow_method_keeps_what_its_budget_allowed() -> None:
    subject = Subject(Slow(), np.zeros((8, 8, 3), np.uint8))
    clicks, _ = measure_clicks({("slow", 8): subject}, {}, 50, 0.1, QUIET)
    assert len(clicks["slow", 8].first.values) == len(clicks["slow", 8].later.values) == 1
    assert set(clicks["slow", 8].as_json()) == {"first", "later"}
    grown = measure_growth(subject.method, subject.photo, (1, 3, 1000), 0.4)
    assert list(grown) == [1, 3]


def test_curves_without_a_point_are_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "clicks.png"
    plot_curves(path, {"fast": {10: 1.0, 20: 2.0}, "slow": {}}, "clicks")
    assert path.stat().st_size > 5000
    plot_curves(path, {"slow": {}}, "clicks")
    assert not path.exists(), "the picture of another run"


def test_a_table_names_the_version_where_there_is_no_commit() -> None:
    known = {"commit": "a1b2", "versions": {"ioebss": "0.1.0"}}
    assert source(known) == "commit a1b2"
    assert source(known | {"commit": None}) == "IOEBSS 0.1.0"


def test_the_first_click_is_not_mixed_with_the_second(monkeypatch) -> None:
    made: list[int] = []

    def timed(session, photo, number, rng) -> float:
        made.append(number)
        return (900.0, 5.0, 6.0, 40.0, 8.0)[number]

    monkeypatch.setattr("ioebss.evaluation.speed.timed_click", timed)
    grown = measure_growth(Slow(), np.zeros((8, 8, 3), np.uint8), (1, 2, 4), 60)
    assert grown == {1: 900, 2: 5.5, 4: 8}  # medians of 5, 6 and of 6, 40, 8
    assert made == [0, 1, 2, 3, 4]


def test_stages_of_methods_without_a_network_are_told() -> None:
    class Timed(Slow):
        def click(self, x: float, y: float, label: int = 1) -> np.ndarray:
            self.timing = Timing(prepare=1.0, input=2.0, method=3.0, mask=4.0)
            return self.mask

    subject = Subject(Timed(), np.zeros((8, 8, 3), np.uint8))
    clicks, _ = measure_clicks({("timed", 8): subject}, {}, 1, 60, QUIET)
    found = {stage: times.median for stage, times in clicks["timed", 8].stages.items()}
    assert found == {"prepare": 1.0, "input": 2.0, "network": 3.0, "mask": 4.0}


def test_distance_planes_equal_the_distance_to_every_click() -> None:
    clicks = random_points(300, 6)
    planes = opencv_distances(clicks, 300, 300)
    ys, xs = np.mgrid[:300, :300]
    for plane, label in zip(planes, (1, 0), strict=True):
        every = [np.hypot(ys - c.y, xs - c.x) for c in clicks if c.label == label]
        assert np.allclose(plane, np.minimum(np.min(every, axis=0), 255), atol=1e-3)
    assert (opencv_distances(clicks[:1], 300, 300)[1] == 255).all()


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
        with pytest.raises(DataError, match="is not a result of ioebss-bench accuracy"):
            read_accuracy(path)


def write_accuracies(folder: Path, model: Path) -> None:
    summary = {"objects": 7, "mean_iou": {str(k): {"mean": 0.1 * k} for k in (1, 3, 5)}}
    accuracy = {
        "model": {"sha256": read_manifest(model).sha256, "size": 64},
        "data": {"split": "val"},
        "summary": summary,
    }
    (folder / "accuracy.json").write_text(json.dumps(accuracy))
    few = accuracy | {"summary": {"objects": 7, "mean_iou": {"1": {"mean": 0.1}}}}
    (folder / "few.json").write_text(json.dumps(few))
    flip = accuracy | {"model": {"sha256": "ab", "size": 64, "flip": True}}
    (folder / "flip.json").write_text(json.dumps(flip))
    cut = accuracy | {"model": {**accuracy["model"], "constants": {"refined": True}}}
    (folder / "cut.json").write_text(json.dumps(cut))


def test_the_command(command: Command, make_model: MakeModel, tmp_path: Path) -> None:
    model = make_model(recommended_sizes=(64,))
    other = tmp_path / "other.onnx"
    shutil.copy(make_model(side=32), other)
    model = make_model(recommended_sizes=(64,))
    write_accuracies(tmp_path, model)
    few_times = ("--repeats", "1", "--resolutions", "32,64", "--clicks", "1,2")
    arguments = ("speed", "--methods", f"discs={model}", "--side", "64", *few_times)
    beside = ("--beside", f"Other={other}+{other}")
    result = command(
        "ioebss-bench",
        *arguments,
        *("--size", "32", "--size", "64", "--threads", "1"),
        *beside,
        *("--accuracy", "accuracy.json", "--out", "speed"),
    )
    assert result.returncode == 0, result.stderr
    assert "| discs 64 | " in result.stdout
    assert "discs 32 64 / graphs" in result.stdout
    written = json.loads((tmp_path / "speed" / "speed.json").read_text())
    assert [row["size"] for row in written["clicks"]] == [32, 64]
    assert written["clicks"][0]["later"]["n"] == LATER_CLICKS
    assert written["graphs"]["Other"]["n"] == LATER_CLICKS
    assert written["resolution"]["discs 32"].keys() == {"32", "64"}
    assert written["growth"]["discs 32"].keys() == {"1", "2"}
    assert len(written["planes"]) == 1 * 2 * 2
    assert all(30 < mib < 2000 for mib in written["memory_mib"].values())
    for name in ("trade-off.png", "resolution.png", "clicks.png", "planes.png"):
        assert (tmp_path / "speed" / name).stat().st_size > 5000


@pytest.mark.parametrize(
    ("wrong", "code", "text"),
    [
        (("--repeats", "0"), 2, "must be 1 or more"),
        (("--side", "1000000000"), 2, "--side"),
        (("--resolutions", "1,x"), 2, "no list of whole numbers"),
        (("--clicks", "0"), 2, "from 1 to 1000"),
        (("--budget", "nan"), 2, "give seconds"),
        (("--beside", "other.onnx"), 2, "is not NAME=GRAPH.onnx"),
        (("--accuracy", "none.json"), 1, "cannot be read"),
        (("--accuracy", "accuracy.json", "--size", "32"), 1, "is not timed"),
        (("--size", "32", "--size", "32"), 2, "given twice"),
        (("--beside", "a=b.onnx", "--beside", "a=b.onnx"), 2, "a name of its own"),
        (("--accuracy", "few.json"), 1, "after 5 clicks"),
        (("--accuracy", "flip.json"), 1, "measured with --flip"),
        (("--accuracy", "cut.json"), 1, "a graph cut refined"),
    ],
)
def test_what_is_refused_before_measuring(
    wrong: tuple[str, ...],
    code: int,
    text: str,
    make_model: MakeModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = make_model(recommended_sizes=(64,))
    write_accuracies(tmp_path, model)
    monkeypatch.chdir(tmp_path)
    options = ["speed", "--methods", f"discs={model}", "--out", "speed", *wrong]
    monkeypatch.setattr(sys, "argv", ["ioebss-bench", *options])
    with pytest.raises(SystemExit) as stop:
        main()
    error = capsys.readouterr().err
    assert stop.value.code == code, error
    assert text in error
    assert "timing" not in error
