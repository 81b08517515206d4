"""Timing: who is run when and how often, and what is written; never how long it took."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ioebss import Segmenter
from ioebss.engine_files import EngineManifest, Profile, write_engine_manifest
from ioebss.errors import BackendError, DataError, EngineMismatchError, ModelError
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.cli import main
from ioebss.evaluation.failures import Failures
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
from ioebss.evaluation.speed_subjects import WHOLE, SpeedPlan, line_up, variants
from ioebss.evaluation.speed_tables import format_speed
from ioebss.evaluation.tables import source
from ioebss.evaluation.trade_off import matching, read_accuracies
from ioebss.manifest import read_manifest, sha256_of
from ioebss.progress import Progress
from ioebss.windows import Zoom

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
    clicks, graphs = measure_clicks(subjects, {"other": graph}, 3, 60, QUIET, Failures())
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
    clicks, _ = measure_clicks({("slow", 8): subject}, {}, 50, 0.1, QUIET, Failures())
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
    clicks, _ = measure_clicks({("timed", 8): subject}, {}, 1, 60, QUIET, Failures())
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
        read_accuracies([tmp_path / "none.json"])
    path = tmp_path / "a.json"
    for text in ("[", "{}", '{"model": 3, "summary": {}}', "[" * 100_000):
        path.write_text(text)
        with pytest.raises(DataError, match="is not a result of ioebss-bench accuracy"):
            read_accuracies([path])


def write_accuracies(folder: Path, model: Path) -> None:
    """accuracy.json of a model, and others that differ from it in one thing each."""
    summary = {"objects": 2, "mean_iou": {str(k): {"mean": 0.1 * k} for k in (1, 3, 5)}}
    of_model = {"sha256": read_manifest(model).sha256, "size": 64, "zoom": None, "flip": False}
    accuracy = {
        "model": of_model,
        "data": {"split": "val", "side": None},
        "protocol": {"click": "centre", "max_clicks": 20},
        "summary": summary,
        "instances": [{"scene": "a", "label": 1}, {"scene": "a", "label": 2}],
    }
    others = {
        "accuracy": {},
        "few": {"summary": {"objects": 2, "mean_iou": {"1": {"mean": 0.1}}}},
        "flip": {"model": of_model | {"flip": True}},
        "zoom": {"model": of_model | {"zoom": {"margin": 1.4}}},
        "cut": {"model": of_model | {"constants": {"refined": True}}},
        "run": {"model": of_model | {"training": {"recipe": "paper"}}},
        "watershed": {"model": {"name": "watershed", "files": {}, "constants": {"radius": 5}}},
        "random": {"protocol": {"click": "random", "seed": 0, "max_clicks": 20}},
        "test": {"data": {"split": "test", "side": None}},
        "other": {"instances": [{"scene": "a", "label": 1}, {"scene": "b", "label": 2}]},
        "short": {"protocol": {"click": "centre", "max_clicks": 10}},
    }
    for name, changes in others.items():
        (folder / f"{name}.json").write_text(json.dumps(accuracy | changes))


def test_the_command(command: Command, make_model: MakeModel, tmp_path: Path) -> None:
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
        *("--accuracy", "accuracy.json", "--accuracy", "short.json", "--out", "speed"),
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
        (("--clicks", "0"), 2, "from 1 to 999"),
        (("--clicks", "1000"), 2, "from 1 to 999"),
        (("--side", "72"), 2, "discs, whole photo of 72 pixels cannot be timed"),
        (("--resolutions", "64,500"), 2, "multiple of 16 up to 4096; give other --side and"),
        (("--resolutions", "64,4112"), 2, "multiple of 16 up to 4096"),
        (("--budget", "nan"), 2, "give seconds"),
        (("--beside", "other.onnx"), 2, "is not NAME=GRAPH.onnx"),
        (("--accuracy", "none.json"), 1, "cannot be read"),
        (("--accuracy", "accuracy.json", "--size", "32"), 1, "is not timed"),
        (("--size", "32", "--size", "32"), 2, "given twice"),
        (("--beside", "a=b.onnx", "--beside", "a=b.onnx"), 2, "a name of its own"),
        (("--accuracy", "few.json"), 1, "after 5 clicks"),
        (("--accuracy", "flip.json"), 1, "without zooming in, with --flip, which is not timed"),
        (("--accuracy", "flip.json"), 1, "--methods NAME=FILE, --size, --no-zoom, --flip"),
        (("--accuracy", "accuracy.json", "--flip"), 1, "without --flip, which is not timed"),
        (
            ("--accuracy", "zoom.json"),
            1,
            "64, zooming in (margin 1.4, keep 1.15, min_side 96, first 1.0, detail 0.0, "
            "detail_after 3, islands None, forget None, unsure None), without --flip, which",
        ),
        (("--accuracy", "cut.json"), 1, "a graph cut refined"),
        (("--accuracy", "run.json"), 1, "of a training run, not of its export"),
        (("--accuracy", "watershed.json"), 1, "is of watershed, which is no model of this"),
        (("--accuracy", "accuracy.json", "--accuracy", "random.json"), 1, "differ in protocol;"),
        (("--accuracy", "accuracy.json", "--accuracy", "test.json"), 1, "differ in split;"),
        (("--accuracy", "accuracy.json", "--accuracy", "other.json"), 1, "differ in objects;"),
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
    monkeypatch.setattr("ioebss.evaluation.speed_cli.time_all", lambda *_: pytest.fail("timed"))
    options = ["speed", "--methods", f"discs={model}", "--out", "speed", *wrong]
    monkeypatch.setattr(sys, "argv", ["ioebss-bench", *options])
    with pytest.raises(SystemExit) as stop:
        main()
    error = capsys.readouterr().err
    assert stop.value.code == code, error
    assert text in error


@pytest.fixture
def bench(make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs `speed` briefly, in this process, with memory that is not measured."""
    monkeypatch.setattr("ioebss.evaluation.speed_run.peak_memory", lambda *_: None)

    def run(model: Path, *options: str) -> None:
        quick = ["--side", "64", "--repeats", "1", "--resolutions", "32,64", "--clicks", "1,2"]
        command = ["speed", "--methods", f"discs={model}", *quick, "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["ioebss-bench", *command, *options])
        main()

    return run


def speed_json(folder: Path) -> dict:
    return json.loads((folder / "out" / "speed.json").read_text())


def test_a_model_of_a_fixed_size_is_timed_at_it(bench, make_model, tmp_path: Path) -> None:
    zoom = Zoom(1.5, 1.1, 30, 0.6)
    model = make_model(side=32, zoom=zoom)
    bench(model)
    rows = [(r["method"], r["size"], r["zoom"]) for r in speed_json(tmp_path)["clicks"]]
    assert rows == [("discs", 32, asdict(zoom)), ("discs, whole photo", 32, None)]
    assert speed_json(tmp_path)["resolution"]["discs, whole photo"].keys() == {"32", "64"}


def test_what_looks_at_the_whole_photo_anyway_is_timed_once(make_model: MakeModel) -> None:
    candidate = Candidate("discs", (make_model(side=32),))
    assert list(variants([candidate], (), 64)) == ["discs"]


def test_flip_and_zoom_are_told(bench, make_model, tmp_path: Path, monkeypatch) -> None:
    model = make_model(recommended_sizes=(64,))
    write_accuracies(tmp_path, model)
    monkeypatch.chdir(tmp_path)
    bench(model)
    text = (tmp_path / "out" / "speed.md").read_text()
    assert 'engines zoom in, but for "whole photo", not flipped.' in text
    assert (speed_json(tmp_path)["flip"], speed_json(tmp_path)["zoom"]) == (False, True)
    bench(model, "--flip", "--no-zoom", "--accuracy", "flip.json")
    text = (tmp_path / "out" / "speed.md").read_text()
    assert "do not zoom in (`--no-zoom`), with the mirrored input averaged in (`--flip`)." in text
    assert (speed_json(tmp_path)["flip"], speed_json(tmp_path)["zoom"]) == (True, False)
    assert (tmp_path / "out" / "trade-off.png").stat().st_size > 5000
    bench(model)
    assert not (tmp_path / "out" / "trade-off.png").exists(), "the picture of another run"


def test_an_accuracy_belongs_to_one_way_of_zooming_in(make_model, tmp_path: Path) -> None:
    model = make_model(recommended_sizes=(64,))
    write_accuracies(tmp_path, model)
    (accuracy,) = read_accuracies([tmp_path / "zoom.json"])
    row = {"sha256": read_manifest(model).sha256, "size": 64, "flip": False}
    others = (
        Zoom(margin=1.5),
        Zoom(margin=1.4, islands=0.05),
        Zoom(margin=1.4, forget=0.1),
        Zoom(margin=1.4, unsure=1),
    )
    rows = [row | {"zoom": zoom} for zoom in (None, *map(asdict, (*others, Zoom(margin=1.4))))]
    assert matching(accuracy, rows) is rows[5], "what it does not name was not yet done"
    with pytest.raises(DataError, match=r"zooming in \(margin 1\.4, .* is not timed"):
        matching(accuracy, rows[:5])


@pytest.mark.parametrize("zoom", [{"margin": 0.5}, {"margin": "wide"}, {"unknown": 1}, [1]])
def test_an_accuracy_of_no_way_of_zooming_in(make_model, tmp_path: Path, zoom: object) -> None:
    write_accuracies(tmp_path, make_model(recommended_sizes=(64,)))
    result = json.loads((tmp_path / "zoom.json").read_text())
    result["model"]["zoom"] = zoom
    (tmp_path / "zoom.json").write_text(json.dumps(result))
    with pytest.raises(DataError, match=r"zoom\.json is not a result"):
        read_accuracies([tmp_path / "zoom.json"])


class Failing(Slow):
    """A method that fails at its k-th click, counted over all photos."""

    def __init__(self, number: int) -> None:
        self.number, self.made = number, 0

    def click(self, x: float, y: float, label: int = 1) -> np.ndarray:
        self.made += 1
        if self.made == self.number:
            raise BackendError("no memory left")
        assert self.made < self.number, "it is not asked again"
        return np.zeros((8, 8), bool)


def test_a_method_that_fails_has_no_times_and_the_others_have() -> None:
    photo = np.zeros((8, 8, 3), np.uint8)
    in_second_round = Failing(LATER_CLICKS + 3)
    well = Failing(1000)
    subjects = {("ill", 8): Subject(in_second_round, photo), ("well", 8): Subject(well, photo)}
    failures = Failures()
    clicks, _ = measure_clicks(subjects, {}, 3, 60, QUIET, failures)
    assert list(clicks) == [("well", 8)]
    assert len(clicks["well", 8].first.values) == 3
    assert failures.reasons == {"ill at 8 pixels": "no memory left"}
    clicks, _ = measure_clicks(subjects, {}, 1, 60, QUIET, failures)  # nor is it asked later
    assert list(clicks) == [("well", 8)]
    with pytest.raises(BackendError, match="the rest is: ill at 8 pixels: no memory left"):
        failures.raise_any()


def test_a_failure_in_a_curve_costs_that_curve_alone(
    bench, make_model, tmp_path, monkeypatch, capsys
) -> None:
    def fail(*_: object) -> None:
        raise BackendError("no memory left")

    model = make_model(recommended_sizes=(64,))
    bench(model)
    assert (tmp_path / "out" / "clicks.png").exists()
    assert speed_json(tmp_path)["failures"] == {}
    monkeypatch.setattr("ioebss.evaluation.speed_run.measure_growth", fail)
    with pytest.raises(SystemExit) as stop:
        bench(model)
    assert stop.value.code == 1
    said = capsys.readouterr()
    part = "cost against clicks of discs"
    assert f"error: not measured, the rest is: {part}: no memory left" in said.err
    assert "Click planes alone:" in said.out
    assert speed_json(tmp_path).keys() >= {"clicks", "memory_mib", "resolution", "planes"}
    assert speed_json(tmp_path)["growth"] == {}
    assert speed_json(tmp_path)["failures"][part] == "no memory left"
    text = (tmp_path / "out" / "speed.md").read_text()
    assert "| discs | " in text and f"Not measured: {part} (no memory left)" in text
    assert (tmp_path / "out" / "resolution.png").exists()
    assert not (tmp_path / "out" / "clicks.png").exists(), "the picture of another run"


def test_each_model_of_the_table_is_opened_once_to_be_timed(bench, make_model, monkeypatch) -> None:
    opened: list[Candidate] = []
    before = Candidate.open

    def noted(candidate: Candidate):
        opened.append(candidate)
        return before(candidate)

    monkeypatch.setattr(Candidate, "open", noted)
    bench(make_model(recommended_sizes=(64,)), "--side", "32", "--size", "64")
    # Once to see that it can be timed, once to be timed: on photos of two sides, and for the curve.
    assert len(opened) == 2 and len(set(opened)) == 1


class Limited(Segmenter):
    """An engine that takes 64 pixels at most: it tells when it is to run."""

    def open(self, photo: np.ndarray):
        session = super().open(photo)
        if self.size > 64:

            def click(*_: object) -> None:
                raise EngineMismatchError(f"takes 64, wanted is {self.size}")

            session.click = click
        return session


def test_a_size_that_an_engine_does_not_take_is_left_out(
    bench, make_model, tmp_path: Path, monkeypatch, capsys
) -> None:
    model = make_model(recommended_sizes=(64,))
    engine = model.with_suffix(".engine")
    shutil.copy(model, engine)
    manifest = read_manifest(model)
    shapes = (Profile((1, 16, 16), (1, 64, 64), (1, 64, 64)),)
    sha, proof = sha256_of(engine), {"status": "passed", "reason": "as a test"}
    write_engine_manifest(
        EngineManifest(
            "tensorrt", "11.4", ("9.0",), "fp32", shapes, model.name, sha, sha, manifest, proof
        ),
        engine,
    )

    def opened(candidate: Candidate) -> Segmenter:
        options = candidate.options
        return Limited(model, size=options.size, zoom=options.zoom, precision="exact")

    monkeypatch.setattr(Candidate, "open", opened)
    bench(engine, "--side", "96", "--resolutions", "32,96,128")
    result = speed_json(tmp_path)
    left_out = [(r["method"], r["side"], r["reason"]) for r in result["left_out"]]
    whole = "discs" + WHOLE
    assert left_out == [(whole, s, f"takes 64, wanted is {s}") for s in (96, 128)]
    assert [(r["method"], r["side"]) for r in result["clicks"]] == [
        ("discs", 64),
        (whole, 64),
        ("discs", 96),
    ]
    assert result["resolution"]["discs"].keys() == {"32", "96", "128"}
    assert result["resolution"][whole].keys() == {"32"}
    assert f"Left out: {whole} at 96 pixels (takes 64, wanted is 96)" in format_speed(result)
    assert f"{whole}, 128 pixels, is left out: takes 64" in capsys.readouterr().err
    plan, photo = SpeedPlan((64,), sizes=(96,)), np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(EngineMismatchError, match="wanted is 96"):
        line_up(plan, [Candidate("discs", (engine,))], photo, "")  # that size was asked for


def test_the_help_says_what_is_so(capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["ioebss-bench", "speed", "--help"])
    with pytest.raises(SystemExit):
        main()
    text = " ".join(capsys.readouterr().out.split())
    assert "(None)" not in text and "goes on there" not in text
    assert "CPU threads of each network (as each engine chooses)" in text
