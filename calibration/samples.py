"""The inputs that a network sees when people click: photos, clicks, previous masks, zoomed in or
not. Recorded from real sessions, so that they are what the runtime will feed it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import Backend, open_backend
from ioebss.choice import CPU
from ioebss.clicks import Click
from ioebss.manifest import read_manifest
from ioebss.progress import Progress
from ioebss.session import Session
from ioebss.simulation import correction_click
from ioebss.trainer.datasets.scene import MIN_AREA, VOID, SceneDataset

MAX_CLICKS = 20
PER_PHOTO = 3


class Recorder:
    """A backend that keeps what it is shown: `inputs`, float32 (N, C, H, W) each."""

    def __init__(self, inner: Backend) -> None:
        self.inner, self.name = inner, inner.name
        self.inputs: list[NDArray[np.float32]] = []

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        self.inputs.append(inputs.copy())
        return self.inner.run(inputs)

    def some(self) -> list[NDArray[np.float32]]:
        """At most `PER_PHOTO` of the inputs: of the first click, of one in between, of the last."""
        count = min(PER_PHOTO, len(self.inputs))
        return [self.inputs[i] for i in np.linspace(0, len(self.inputs) - 1, count).astype(int)]


def network_inputs(
    model: Path,
    dataset: SceneDataset,
    photos: int,
    seed: int,
    one_shape: bool,
    progress: Progress,
) -> Iterator[list[NDArray[np.float32]]]:
    """Inputs of simulated sessions: on each photo one object, 1 to 20 clicks (few more often than
    many), each somewhere in the larger error.

    Args:
        model: the ONNX file; it plays the sessions, its manifest says at which size.
        dataset: photos with objects.
        photos: how many, drawn at random; all if there are fewer. One without an object that is
            large enough gives nothing.
        seed: the same seed gives the same inputs.
        one_shape: stretch everything to a square, so that all inputs have one shape.

    Yields:
        Of each photo that is clicked on, its inputs: float32 (1, C, H, W), `PER_PHOTO` at most.

    Raises:
        ModelError: the model cannot be loaded.
        DataError, ImageError: a photo cannot be read.
    """
    manifest = read_manifest(model)
    backend = open_backend(model, manifest, CPU, threads=1)
    if one_shape and manifest.fixed_size is None:
        side = manifest.recommended_sizes[0]
        manifest = replace(manifest, fixed_size=(side, side))
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:photos]
    with progress.task("clicking", len(chosen)) as advance:
        for index in chosen:
            recorder = Recorder(backend)
            scene = dataset.scene(int(index))
            objects = scene.objects(MIN_AREA)
            if objects:
                rng = np.random.default_rng([seed, int(index)])
                session = Session(scene.image, manifest, recorder, zoom=manifest.zoom)
                truth = scene.labels == rng.choice(objects)
                _click_through(session, truth, scene.labels != VOID, rng)
                yield recorder.some()
            advance()


def _click_through(
    session: Session, truth: NDArray[np.bool_], valid: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    mask = np.zeros_like(truth)
    for _ in range(int(MAX_CLICKS ** rng.uniform(0, 1))):
        click: Click | None = correction_click(mask, truth, valid, rng)
        if click is None:
            return
        mask = session.click(click.x, click.y, click.label)
