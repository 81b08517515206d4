"""Which layers to leave in float32, so that the 8-bit model's masks agree as much as demanded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ioebss.calibration.agreement import Agreement, Reference
from ioebss.calibration.cpu_graph import quantise_for_cpu
from ioebss.calibration.graph_parts import meant
from ioebss.calibration.ranges import Ranges
from ioebss.calibration.samples import network_inputs
from ioebss.calibration.sensitivity import LayerSensitivity, measure_sensitivity
from ioebss.errors import ProofError, UsageError
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset

PHOTOS = 24
SENSITIVITY_STEP = 3  # the order of layers is told by fewer inputs than what they reach together
SEED = 1  # not that of the calibration, whose very inputs the ranges fit
MAX_SHARE = 0.5  # of the layers; with more in float32 it is no 8-bit model

Without = Callable[[Sequence[LayerSensitivity]], Agreement]  # layers in float32


@dataclass(frozen=True)
class ExcludedLayer:
    """A layer that stays in float32.

    Attributes:
        weight: name of its weight.
        alone: mean IoU with this layer alone in 8 bits.
    """

    weight: str
    alone: float


@dataclass(frozen=True)
class Exclusion:
    """What was decided, and why.

    Attributes:
        demanded: mean IoU of the masks with the float32 model's.
        before, after: what it was with all layers in 8 bits, and is without the excluded.
        inputs: how many were compared.
        layers: that stay in float32, the most sensitive first.
    """

    demanded: float
    before: Agreement
    after: Agreement
    inputs: int
    layers: tuple[ExcludedLayer, ...]

    @property
    def weights(self) -> list[str]:
        """What `quantise_for_cpu` takes as `keep`."""
        return [layer.weight for layer in self.layers]


def exclude_layers(
    reference: Reference,
    ranges: Ranges,
    demanded: float,
    progress: Progress,
    keep: Sequence[str] = (),
) -> Exclusion:
    """Takes the most sensitive layers out of 8 bits, one after the other, until the whole graph is
    as demanded; then puts back, the least sensitive first, what it can do without.

    Putting back is needed because a bad activation is seen in two layers, the one that makes it and
    the one that reads it, and only both together help: a step need not bring anything by itself.

    Args:
        reference: the float32 model with inputs.
        ranges: of its activations.
        demanded: mean IoU, 0 to 1.
        keep: layers that stay in float32 anyway, as `quantise_for_cpu` takes them.

    Raises:
        UsageError: `demanded` is no IoU, or `keep` names no layer.
        ProofError: it was not reached with half of the layers in float32.
        ModelError: an activation has no range, or there is nothing to quantise.
    """
    _check_demanded(demanded)
    with tempfile.TemporaryDirectory(prefix="ioebss-exclusion-") as folder:
        path = Path(folder) / "graph.onnx"

        def without(layers: Sequence[LayerSensitivity]) -> Agreement:
            names = [layer.weight for layer in layers]
            quantise_for_cpu(reference.model, ranges, path, [*keep, *names])
            return reference.compare(path)

        before = after = without([])
        excluded: list[LayerSensitivity] = []
        if before.mean_iou < demanded:
            few = reference.every(SENSITIVITY_STEP)
            layers = measure_sensitivity(few, ranges, progress).worst_first()
            weights = {layer.weight for layer in layers}
            kept = set().union(*(meant(text, weights) for text in keep))
            free = [layer for layer in layers if layer.weight not in kept]
            excluded = _take_out(free, without, before, demanded, progress)
            excluded, after = _put_back(excluded, without, demanded, progress)
    rows = tuple(ExcludedLayer(layer.weight, layer.mean_iou) for layer in excluded)
    return Exclusion(demanded, before, after, len(reference), rows)


def _take_out(
    layers: Sequence[LayerSensitivity],
    without: Without,
    best: Agreement,
    demanded: float,
    progress: Progress,
) -> list[LayerSensitivity]:
    """The first of some layers that are enough."""
    limit = int(MAX_SHARE * len(layers))
    with progress.task("excluding", limit) as advance:
        for count in range(1, limit + 1):
            agreement = without(layers[:count])
            best = max(best, agreement, key=lambda a: a.mean_iou)
            advance(f"{agreement.mean_iou:.4f} with {count} in float32")
            if agreement.mean_iou >= demanded:
                return list(layers[:count])
    raise ProofError(
        f"with up to {limit} of {len(layers)} layers in float32 the mean IoU with the float32 "
        f"model's masks is {best.mean_iou:.4f} at best, not {demanded}; demand less, calibrate on "
        "more photos, or try another --method"
    )


def _put_back(
    layers: Sequence[LayerSensitivity], without: Without, demanded: float, progress: Progress
) -> tuple[list[LayerSensitivity], Agreement]:
    """Those of some layers that cannot be missed, and what is reached with them."""
    excluded, after = list(layers), without(layers)
    with progress.task("putting back", len(layers)) as advance:
        for layer in reversed(layers):
            fewer = [other for other in excluded if other is not layer]
            agreement = without(fewer)
            if agreement.mean_iou >= demanded:
                excluded, after = fewer, agreement
            advance(f"{len(excluded)} in float32")
    return excluded, after


def exclude_on_photos(
    model: Path,
    ranges: Ranges,
    dataset: SceneDataset,
    demanded: float,
    progress: Progress,
    keep: Sequence[str] = (),
) -> Exclusion:
    """`exclude_layers` on inputs of simulated sessions.

    Args:
        model: float32 ONNX file with its manifest.
        dataset: photos with objects; at most `PHOTOS` are drawn at random, always the same.

    Raises:
        DataError, ImageError: a photo cannot be read, or none has an object that is large enough.
        As `exclude_layers` too.
    """
    _check_demanded(demanded)
    clicked = network_inputs(model, dataset, PHOTOS, SEED, False, progress)
    inputs = list(chain.from_iterable(clicked))
    return exclude_layers(Reference(model, inputs), ranges, demanded, progress, keep)


def _check_demanded(value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"a mean IoU of {value} cannot be demanded: it must be 0 to 1")
