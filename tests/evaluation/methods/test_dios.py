"""DIOS: planes are distances, and the cut follows the photo where the network is in doubt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ioebss import Segmenter
from ioebss.errors import UsageError
from ioebss.evaluation.candidates import Candidate, Options
from ioebss.evaluation.methods.dios import SMOOTHNESS, Dios
from ioebss.export.export import export_model
from ioebss.image_files import read_photo
from ioebss.manifest import sha256_of
from ioebss.progress import Progress

from .trained_run import PHOTO, one_photo, save_run

NARROW = {
    "name": "dios",
    "network": {
        "architecture": "fcn8s",
        "backbone": "vgg16",
        "in_channels": 5,
        "planes": "distances",
        "width": 0.03,
    },
    "clicks": {"sampling": "dios"},
    "loss": {"label": 0.0},
    "data": {"size": 64},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("runs") / "run", NARROW)


@pytest.fixture
def square() -> NDArray[np.uint8]:
    """A bright square of 40 pixels on dark ground."""
    photo = np.full((96, 128, 3), 40, np.uint8)
    photo[30:70, 40:80] = 220
    return photo


def test_its_export_is_the_same_method(run: Path, tmp_path: Path) -> None:
    model = tmp_path / "dios.onnx"
    export_model(run, model, Progress(quiet=True), photos=one_photo(tmp_path / "photos"))
    assert Segmenter(model, precision="exact").manifest.planes == "distances"
    photo = read_photo(PHOTO)
    one, other = Dios(run, refined=False).open(photo), Dios(model, refined=False).open(photo)
    for x, y, label in ((200, 150, 1), (40, 40, 0)):
        mask, expected = one.click(x, y, label), other.click(x, y, label)
        assert 0.02 < mask.mean() < 0.98
        assert (mask != expected).mean() < 1e-3


def test_without_smoothness_the_cut_is_the_threshold(run: Path, square: NDArray[np.uint8]) -> None:
    plain, cut = Dios(run, refined=False).open(square), Dios(run, smoothness=0.0).open(square)
    for x, y, label in ((60, 50, 1), (10, 10, 0)):
        np.testing.assert_array_equal(cut.click(x, y, label), plain.click(x, y, label))


def test_the_cut_finds_the_edge_that_the_network_blurs(
    run: Path, square: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probabilities that fall off from the square's centre, regardless of the edge, become the
    square itself: no other outline is as cheap."""
    truth = square[..., 0] > 128
    ys, xs = np.mgrid[:96, :128]
    distance = np.maximum(abs(xs - 59.5), abs(ys - 49.5))
    blurred = (1 / (1 + np.exp((distance - 16) / 8))).astype(np.float32)  # a half 4 px within
    monkeypatch.setattr("ioebss.session.Session.probability", property(lambda _: blurred))
    mask = Dios(run, smoothness=20.0).open(square).click(60, 50)
    assert (blurred > 0.5).sum() < 0.8 * truth.sum()
    np.testing.assert_array_equal(mask, truth)


def test_clicks_are_obeyed_against_probability_and_contrast(
    run: Path, square: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = np.ones((96, 128), np.float32)
    monkeypatch.setattr("ioebss.session.Session.probability", property(lambda _: sure))
    session = Dios(run).open(square)
    session.click(60, 50)
    assert not session.click(100, 20, 0)[20, 100]


def test_clicks_alone_decide_where_the_network_knows_nothing(
    run: Path, square: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = np.full((96, 128), 0.5, np.float32)
    monkeypatch.setattr("ioebss.session.Session.probability", property(lambda _: doubt))
    session = Dios(run, smoothness=20.0).open(square)
    session.click(60, 50)
    np.testing.assert_array_equal(session.click(10, 10, 0), square[..., 0] > 128)


def test_large_photos_are_cut_small(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ioebss.evaluation.methods.dios.WORKING_SIDE", 64)
    photo = np.full((96, 128, 3), 40, np.uint8)
    photo[:, 64:] = 220
    half = np.zeros((96, 128), np.float32)
    half[:, 64:] = 0.9
    monkeypatch.setattr("ioebss.session.Session.probability", property(lambda _: half))
    mask = Dios(run).open(photo).click(100, 50)
    np.testing.assert_array_equal(mask, half > 0.5)


def test_a_result_names_its_weights_and_constants(run: Path, tmp_path: Path) -> None:
    candidate = Candidate("dios", (run,), Options(), refined=True)
    setup = candidate.setup(candidate.open())
    (weights,) = (sha256_of(path) for path in run.glob("*.safetensors"))
    assert (setup["sha256"], setup["size"], setup["zoom"]) == (weights, 64, None)
    assert setup["constants"] == {"refined": True, "smoothness": SMOOTHNESS}
    other = save_run(
        tmp_path / "other", {**NARROW, "network": {**NARROW["network"], "width": 0.04}}
    )
    assert Candidate("dios", (other,), refined=True).setup(Dios(other))["sha256"] != weights
    assert candidate.setup(Dios(run, refined=False)) != setup


def test_times_of_a_click(run: Path, square: NDArray[np.uint8]) -> None:
    session = Dios(run).open(square)
    assert session.timing.prepare > 0 and session.timing.method == 0
    session.click(60, 50)
    assert session.timing.method > 0 and session.timing.mask > 0


@pytest.mark.parametrize("smoothness", [-1.0, float("nan"), float("inf")])
def test_smoothness_is_a_weight(run: Path, smoothness: float) -> None:
    with pytest.raises(UsageError, match="smoothness"):
        Dios(run, smoothness=smoothness)
