from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np

from ioebss.calibration.measure import calibrated
from ioebss.calibration.samples import PER_PHOTO, network_inputs
from ioebss.progress import Progress
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.scene import Scene
from ioebss.windows import Zoom

QUIET = Progress(quiet=True)


def inputs_of(model: Path, data: Path, seed: int = 0, one_shape: bool = False) -> list[np.ndarray]:
    dataset = open_dataset([data], "train")
    return list(chain.from_iterable(network_inputs(model, dataset, 4, seed, one_shape, QUIET)))


def test_inputs_are_what_sessions_feed(make_model: Callable[..., Path], ellipses: Path) -> None:
    inputs = inputs_of(make_model(zoom=Zoom(min_side=32)), ellipses)
    assert 4 <= len(inputs) <= 4 * PER_PHOTO
    first = inputs[0]
    assert first.dtype == np.float32 and first.shape == (1, 6, 96, 128)  # the whole 160x120 photo
    assert first[0, :3].max() > 100
    assert first[0, 3].sum() == 81 and not first[0, 4].any()  # one disc of radius 5, on the object
    assert not first[0, 5].any()
    # Later ones hold more clicks, of both kinds, and a mask to correct.
    assert any(x[0, 4].any() for x in inputs)
    assert any(x[0, 3].sum() > 81 for x in inputs)
    later = [x for x in inputs if x[0, 5].any()]
    assert later and all(x[0, 5].min() >= 0 and x[0, 5].max() <= 1 for x in later)


def test_the_seed_decides(make_model: Callable[..., Path], ellipses: Path) -> None:
    model = make_model()
    first, again, other = (inputs_of(model, ellipses, seed) for seed in (0, 0, 1))
    assert len(first) == len(again)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(first) != len(other) or any(
        not np.array_equal(a, b) for a, b in zip(first, other, strict=True)
    )


def test_one_shape(make_model: Callable[..., Path], ellipses: Path) -> None:
    model = make_model(zoom=Zoom(min_side=32))
    shapes = {x.shape for x in inputs_of(model, ellipses, one_shape=True)}
    assert shapes == {(1, 6, 128, 128)}


class EveryOtherEmpty:
    """Five photos; the second and the fourth have no object, the last one has a crumb."""

    def __len__(self) -> int:
        return 5

    def scene(self, index: int) -> Scene:
        labels = np.zeros((64, 64), np.uint8)
        if index in (0, 2):
            labels[16:48, 16:48] = 1
        labels[:5, :5] = index == 4
        return Scene(str(index), np.full((64, 64, 3), 9, np.uint8), labels)


def test_photos_without_an_object_are_not_counted(make_model: Callable[..., Path]) -> None:
    model, described = make_model(), {"data": ["mine"]}
    ranges = calibrated(model, EveryOtherEmpty(), QUIET, photos=5, **described)
    inputs = list(chain.from_iterable(network_inputs(model, EveryOtherEmpty(), 5, 0, False, QUIET)))
    assert ranges.samples == {"inputs": len(inputs), "photos": 2, "seed": 0, "data": ["mine"]}
