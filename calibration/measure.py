"""Calibrating a model from beginning to end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.calibration.defaults import METHOD, PHOTOS
from ioebss.calibration.ranges import ONE_SHAPE, Ranges, measure_ranges
from ioebss.calibration.samples import network_inputs
from ioebss.errors import UsageError
from ioebss.manifest import check_graph, read_manifest
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset


def calibrated(
    model: Path,
    dataset: SceneDataset,
    progress: Progress,
    photos: int = PHOTOS,
    method: str = METHOD,
    seed: int = 0,
    **described: Any,
) -> Ranges:
    """The ranges of a model's activations while photographs are clicked on.

    Args:
        model: float32 ONNX file with its manifest.
        dataset: photographs with objects.
        photos: how many of them, drawn at random.
        method: one of `ioebss.calibration.defaults.METHODS`.
        seed: of photographs and clicks.
        described: what else the ranges file is to say about the samples: data, split, command.

    Raises:
        UsageError: the model is not float32, or the method is unknown.
        ModelError, DataError, ImageError: a file cannot be read or used.
    """
    manifest = read_manifest(model)
    check_graph(model, manifest)
    if manifest.precision != "fp32":
        raise UsageError(f"{model} is {manifest.precision}; calibrate the float32 model")
    one_shape = method in ONE_SHAPE
    used = 0

    def inputs() -> Iterator[NDArray[np.float32]]:
        nonlocal used
        for of_photo in network_inputs(model, dataset, photos, seed, one_shape, progress):
            used += 1
            yield from of_photo

    ranges, count = measure_ranges(model, inputs(), method)
    samples = {"inputs": count, "photos": used, "seed": seed, **described}
    return Ranges(manifest.sha256, method, ranges, samples)
