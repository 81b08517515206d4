"""A training run as a method says what its export says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ioebss import Segmenter
from ioebss.errors import BackendError, ImageError, ModelError, UsageError
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.cli import main
from ioebss.evaluation.methods.checkpoint import CheckpointMethod
from ioebss.export.export import export_model
from ioebss.image_files import read_photo
from ioebss.progress import Progress
from ioebss.windows import Zoom

from .trained_run import PHOTO, one_photo, save_run

TINY = {
    "name": "tiny",
    "network": {"architecture": "fcn8s", "backbone": "vgg16", "in_channels": 6, "width": 0.03},
    "data": {"size": 64},
}
CLICKS = ((220, 150, 1), (90, 90, 0), (300, 180, 1))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("runs") / "run", TINY)


def test_its_masks_are_those_of_its_export(run: Path, tmp_path: Path) -> None:
    model, zoom = tmp_path / "tiny.onnx", Zoom(margin=1.4)
    photos = one_photo(tmp_path / "photos")
    export_model(run, model, Progress(quiet=True), photos=photos, sizes=[96], zoom=zoom)
    exported = Segmenter(model, backend="onnxruntime-cpu", precision="exact")
    method = CheckpointMethod(run, size=96, zoom=zoom)
    for key in ("architecture", "channels", "click_radius", "planes", "size_multiple", "zoom"):
        assert getattr(method.manifest, key) == getattr(exported.manifest, key), key
    photo = read_photo(PHOTO)
    ours, theirs = method.open(photo), exported.open(photo)
    for click in CLICKS:
        mask, expected = ours.click(*click), theirs.click(*click)
        assert 0.05 < expected.mean() < 0.95, "an empty mask would prove nothing"
        assert (mask != expected).mean() < 1e-4  # rounding may turn a pixel on the outline


def test_a_result_tells_of_label_loss_and_of_a_reduced_network(run: Path, tmp_path: Path) -> None:
    setup = Candidate("tiny", (run,)).setup(CheckpointMethod(run))
    assert setup["training"] == {"label_loss": 1.0, "updates": 0, "reduced": True}
    whole = {"architecture": "deeplabv3plus", "backbone": "resnet18"}
    table = {"name": "whole", "network": whole, "loss": {"label": 0.0}, "data": {"size": 64}}
    setup = Candidate("whole", ()).setup(CheckpointMethod(save_run(tmp_path / "whole", table)))
    assert setup["training"] == {"label_loss": 0.0, "updates": 0, "reduced": False}
    assert (setup["architecture"], setup["planes"]) == ("deeplabv3plus-resnet18", "discs")


def test_runs_with_and_without_label_loss_stand_side_by_side(
    run: Path, tmp_path: Path, voc_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = save_run(tmp_path / "without", TINY | {"loss": {"label": 0.0}})
    arguments = ["accuracy", "--data", str(voc_tree), "--protocol", "random", "--clicks", "2"]
    arguments += ["--limit", "2", "--jobs", "1", "--out", str(tmp_path / "out")]
    arguments += ["--methods", f"without={without},with={run}"]
    monkeypatch.setattr(sys, "argv", ["ioebss-bench", *arguments])
    main()
    tables = (tmp_path / "out" / "tables.md").read_text()
    assert "| FCN-8s, reduced | yes | with | 0 | 2 |" in tables
    assert "| FCN-8s, reduced | no | without | 0 | 2 |" in tables
    assert "| with | 64 | the whole photo | no | torch |" in tables


def test_the_size_is_that_of_the_training(run: Path) -> None:
    assert CheckpointMethod(run).size == 64
    assert CheckpointMethod(run / "weights.json", size=128).size == 128


def test_mistakes(
    run: Path, tmp_path: Path, make_model: Callable[..., Path], samples: Path
) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        CheckpointMethod(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="multiple of 32"):
        CheckpointMethod(run, size=100)
    with pytest.raises(BackendError, match="cannot use the device 'abacus'"):
        CheckpointMethod(run, device="abacus")
    with pytest.raises(ImageError, match="shape"):
        CheckpointMethod(run).open(np.zeros((4, 4), np.uint8))
