"""`ioebss-bench all` on a tiny VOC tree with a tiny model; and what its parts are made of."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from ioebss.errors import BackendError
from ioebss.evaluation import everything
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.cli import main
from ioebss.evaluation.everything import Extent, takes_trimaps, write_document
from ioebss.evaluation.protocol import CENTRE, RANDOM, TRIMAP
from ioebss.evaluation.scaled import ScaledDataset
from ioebss.evaluation.speed_subjects import SpeedPlan, variants
from ioebss.segmenter import BUNDLED

SMALL = Extent(
    objects=2,
    one_a_photo=False,
    all_for_ours=True,
    protocols=(CENTRE, RANDOM, TRIMAP),
    clicks=3,
    side=48,
    cases=False,
    speed=SpeedPlan((32,), 1, 5.0, (32,), (1, 2), (32,)),
)


@pytest.fixture
def bench(monkeypatch, voc_tree, tiny_model, tmp_path):
    def run(*arguments: str) -> None:
        command = ["ioebss-bench", "all", "--data", str(voc_tree), "--jobs", "1", "--quick"]
        command += ["--methods", f"tiny={tiny_model}", "--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", [*command, *arguments])
        main()

    return run


@pytest.fixture
def refused(bench, capsys):
    def run(code: int, *arguments: str) -> str:
        """What is said of a command that ends with this code, before anything is measured."""
        with pytest.raises(SystemExit) as stop:
            bench(*arguments)
        assert stop.value.code == code
        error: str = capsys.readouterr().err
        assert "measuring" not in error
        return error

    return run


def test_one_document_holds_all_tables(bench, monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr("ioebss.evaluation.all_cli.QUICK", SMALL)
    bench("--skip", "convergence")
    text = (tmp_path / "out" / "results.md").read_text()
    assert capsys.readouterr().out.strip() == text.strip()
    for title in ("val, centre", "val, random", "val, trimap", "Speed"):
        assert f"## {title}" in text
    assert "scaled down to 48 pixels, n = 2 objects" in text
    # Not 20 clicks, and not in the paper.
    assert "| tiny | - | not known here | - | not known here |" in text
    for line in text.splitlines():
        if line.startswith("!["):
            picture = tmp_path / "out" / line.partition("](")[2].rstrip(")")
            assert picture.stat().st_size > 5000
    rows = json.loads((tmp_path / "out" / "val-centre-all" / "tiny.json").read_text())
    assert len(rows["instances"]) > 2


def test_lists_for_learning_are_looked_for_first(refused) -> None:
    error = refused(1, "--train-split", "none")
    assert "none.txt is missing" in error and "--skip convergence" in error


def test_what_cannot_be_timed_is_found_first(refused, monkeypatch) -> None:
    speed = SpeedPlan((40,), 1, 5.0, (32,), (1, 2))  # 40 is no multiple of 32
    monkeypatch.setattr("ioebss.evaluation.all_cli.QUICK", replace(SMALL, speed=speed))
    error = refused(2, "--skip", "convergence")
    assert "tiny, whole photo of 40 pixels" in error and "--skip speed" in error


@pytest.mark.parametrize(
    ("typed", "of_accuracy", "of_speed"), [((), 1, None), (("--threads", "2"), 2, 2)]
)
def test_threads_are_those_typed(
    typed, of_accuracy, of_speed, bench, monkeypatch, tmp_path, capsys
) -> None:
    small = replace(SMALL, protocols=(CENTRE,), all_for_ours=False)
    monkeypatch.setattr("ioebss.evaluation.all_cli.QUICK", small)
    bench("--skip", "convergence", *typed)
    accuracy = json.loads((tmp_path / "out" / "val-centre" / "tiny.json").read_text())
    assert accuracy["model"]["threads"] == of_accuracy
    speed = json.loads((tmp_path / "out" / "speed" / "speed.json").read_text())
    assert speed["threads"] == of_speed


def test_what_could_not_be_timed_is_named_at_the_end(bench, monkeypatch, tmp_path, capsys) -> None:
    def fail(*_: object) -> None:
        raise BackendError("no memory left")

    monkeypatch.setattr("ioebss.evaluation.all_cli.QUICK", SMALL)
    monkeypatch.setattr("ioebss.evaluation.speed_run.peak_memory", fail)
    with pytest.raises(SystemExit) as stop:
        bench("--skip", "convergence", "--skip", "accuracy")
    assert stop.value.code == 1
    assert "memory of tiny 32: no memory left" in capsys.readouterr().err
    text = (tmp_path / "out" / "results.md").read_text()
    assert "Not measured: memory of tiny 32 (no memory left)" in text
    assert "Click planes alone" in text


def test_a_document_that_is_stopped_keeps_what_it_has(tmp_path) -> None:
    def fail() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_document(tmp_path, {"accuracy-b": lambda: "one\n", "speed": fail})
    assert (tmp_path / "results.md").read_text() == "# Results\n\none\n"


def test_a_document_keeps_the_parts_of_earlier_runs(tmp_path) -> None:
    write_document(tmp_path, {"speed": lambda: "fast\n", "accuracy-b": lambda: "one\n"})
    text = write_document(tmp_path, {"accuracy-a": lambda: "two\n", "accuracy-b": lambda: "new\n"})
    assert text == "# Results\n\ntwo\n\nnew\n\nfast\n"
    assert (tmp_path / "results.md").read_text() == text


def test_every_list_is_looked_for_first(bench, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        bench("--skip", "convergence", "--split", "val", "--split", "none")
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert "none.txt is missing" in error and "measuring" not in error


def test_what_takes_trimaps(tiny_model, monkeypatch) -> None:
    assert takes_trimaps(Candidate("tiny", (tiny_model,)))

    class Clicks:
        def open(self, photo):
            return self

        def click(self, x, y, label=1):
            return np.ones(1, bool)

    monkeypatch.setattr(Candidate, "open", lambda self: Clicks())
    assert not takes_trimaps(Candidate("other"))


def test_scaled_scenes(scenes) -> None:
    dataset = ScaledDataset(scenes(1), 48)
    scene, original = dataset.scene(0), scenes(1).scenes[0]
    assert scene.image.shape == (32, 48, 3) and scene.labels.shape == (32, 48)
    blocks = original.image.reshape(32, 2, 48, 2, 3).mean((1, 3))
    assert np.abs(scene.image - blocks).max() <= 0.5
    assert set(np.unique(scene.labels)) <= set(np.unique(original.labels))
    assert abs(4 * (scene.labels == 1).sum() - (original.labels == 1).sum()) <= 100
    assert ScaledDataset(scenes(1), 96).scene(0).image.shape == (64, 96, 3)


def test_models_are_timed_as_used_and_as_in_the_paper() -> None:
    ours, other = Candidate("ours", (BUNDLED,)), Candidate("other")
    found = variants([ours, other], (), 512)
    assert list(found) == ["ours", "ours, whole photo", "other"]
    assert found["ours"].options.size is None and found["ours"].options.zoom
    whole = found["ours, whole photo"].options
    assert (whole.size, whole.zoom) == (512, False)
    assert list(variants([ours, other], (256, 320), 512)) == ["ours 256", "ours 320", "other"]


def test_the_quick_extent_is_twenty_photographs() -> None:
    assert everything.QUICK.objects == 20 and everything.QUICK.one_a_photo
