"""The proof of a fresh export: the graph against the PyTorch model, on real photographs and clicks.

Names first, then shapes, then values, then what matters: whether the masks are the same. One model
file against another, in lower precision for example, is `ioebss.export.prove`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ioebss.backends.onnxruntime_cpu import OnnxRuntimeCpu
from ioebss.click_planes import add_click, click_planes
from ioebss.export.photographs import SEED, evenly, photo_paths, seeded_click
from ioebss.image_files import read_photo
from ioebss.manifest import Manifest
from ioebss.overlap import iou
from ioebss.progress import Progress
from ioebss.resampling import photo_to_network, sigmoid

MAX_PHOTOS = 20
CLICKS = 5  # network calls per photo, each with one more click


@dataclass(frozen=True)
class Thresholds:
    """What the proof demands.

    Attributes:
        logit: greatest allowed |difference| of a logit.
        roundings: where a logit differs by more, it may do so by so many times as the reference's
            own float32 is off its result in float64: two ways to round a sum can be as far apart
            as two roundings, and a network that is deep or hardly trained rounds much.
        pixels: greatest allowed share of mask pixels that differ, over all masks.
        iou: smallest allowed IoU of a mask with the reference's.
    """

    logit: float = 1e-3
    roundings: float = 4.0
    pixels: float = 1e-4
    iou: float = 0.99


DEMANDED = Thresholds()


@dataclass
class Proof:
    """What was measured. `failures` is empty if the proof holds.

    Attributes:
        photos, masks: how many were compared.
        logit: greatest |difference| of a logit.
        rounding: greatest |difference| between the reference in float32 and in float64, measured
            only on inputs on which a logit differs by more than `Thresholds.logit`; 0 without any.
        pixels: share of mask pixels that differ.
        mean_iou, worst_iou: of the masks with the reference's; two empty masks agree.
        worst_photo: where the worst IoU was.
        shapes: input shapes (N, C, H, W) that were run.
    """

    photos: int = 0
    masks: int = 0
    logit: float = 0.0
    rounding: float = 0.0
    pixels: float = 0.0
    mean_iou: float = 1.0
    worst_iou: float = 1.0
    worst_photo: str = ""
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def photos_in(folder: Path | None) -> list[Path]:
    """At most 20 photos, evenly spread over the sorted names of a folder and the folders in it.

    Args:
        folder: None takes the sample photographs that come with IOEBSS.

    Raises:
        DataError: there is none.
    """
    return evenly(photo_paths(folder), MAX_PHOTOS)


def verify(
    reference: nn.Module,
    graph: Path,
    manifest: Manifest,
    photos: list[Path],
    progress: Progress,
    thresholds: Thresholds = DEMANDED,
) -> Proof:
    """Compares an exported graph with the reference.

    Args:
        reference: float32 (N, C, H, W) -> (N, 1, H, W), in evaluation mode.
        graph: the ONNX file; loading it checks names, types and channels against the manifest.
        photos: real photographs; each is clicked `CLICKS` times, seeded, and the reference's mask
            is fed back to both.

    Raises:
        ModelError: the graph does not load, or does not fit its manifest.
    """
    backend = OnnxRuntimeCpu(graph, manifest)
    exact = _Exact(reference)
    proof = Proof(photos=len(photos))
    ious, wrong, total = [], 0, 0
    with progress.task("proving", len(photos)) as advance:
        for number, path in enumerate(photos):
            size = _size_for(manifest, number)
            for inputs, expected in _clicked(reference, path, manifest, size, number):
                actual = backend.run(inputs)
                if not _same_shape(proof, actual, expected):
                    return proof
                proof.masks += len(inputs)
                difference = _difference(actual, expected)
                proof.logit = max(proof.logit, difference)
                if thresholds.logit <= difference < math.inf:
                    rounding = _difference(expected, exact.run(inputs))
                    proof.rounding = max(proof.rounding, rounding)
                for a, b in zip(actual > 0, expected > 0, strict=True):
                    overlap = iou(a, b, np.ones_like(a))
                    ious.append(overlap)
                    wrong, total = wrong + int((a != b).sum()), total + a.size
                    if overlap < proof.worst_iou:
                        proof.worst_iou, proof.worst_photo = overlap, path.name
                if inputs.shape not in proof.shapes:
                    proof.shapes.append(inputs.shape)
            advance()
    proof.pixels, proof.mean_iou = wrong / total, float(np.mean(ious))
    _judge(proof, thresholds)
    return proof


def _size_for(manifest: Manifest, number: int) -> int | None:
    """Photos take turns among the recommended sizes."""
    sizes = manifest.recommended_sizes
    return None if manifest.fixed_size else sizes[number % len(sizes)]


def _clicked(
    reference: nn.Module, path: Path, manifest: Manifest, longest: int | None, seed: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Inputs with one click after the other, and the reference's logits; then, where the batch is
    open, all of them at once."""
    rng = np.random.default_rng([SEED, seed])
    photo = read_photo(path)
    height, width = manifest.input_size(photo.shape[0], photo.shape[1], longest)
    inputs = np.zeros((1, len(manifest.channels), height, width), np.float32)
    inputs[0, :3] = photo_to_network(photo, height, width)
    inputs[0, 3:5] = click_planes(manifest.planes, (), height, width, manifest.click_radius)
    steps = []
    for k in range(CLICKS):
        click = seeded_click(k, height, width, rng)
        add_click(manifest.planes, inputs[0, 3:5], click, manifest.click_radius)
        expected = _run(reference, inputs)
        yield inputs, expected
        steps.append((inputs.copy(), expected))
        if manifest.has_previous:
            inputs[0, 5] = sigmoid(expected[0, 0])
    if manifest.fixed_size is None:
        (first, first_logits), (second, second_logits) = steps[:2]
        yield np.concatenate([first, second]), np.concatenate([first_logits, second_logits])


@torch.inference_mode()
def _run(reference: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    logits: Tensor = reference(torch.from_numpy(inputs))
    return logits.numpy()


class _Exact:
    """The reference in float64, made when it is first needed."""

    def __init__(self, reference: nn.Module) -> None:
        self._reference = reference
        self._double: nn.Module | None = None

    @torch.inference_mode()
    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, C, H, W) -> (N, 1, H, W)."""
        if self._double is None:
            self._double = copy.deepcopy(self._reference).double()
        logits: Tensor = self._double(torch.from_numpy(inputs).double())
        return logits.numpy()


def _same_shape(proof: Proof, actual: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    if actual.shape != expected.shape:
        proof.failures.append(f"logits have shape {actual.shape}, the reference {expected.shape}")
    return actual.shape == expected.shape


def _difference(actual: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    difference = float(np.abs(actual - expected).max())
    return difference if np.isfinite(difference) else float("inf")


def _allowed(proof: Proof, limits: Thresholds) -> float:
    """By how much a logit may differ."""
    return max(limits.logit, limits.roundings * proof.rounding)


def _judge(proof: Proof, limits: Thresholds) -> None:
    allowed = _allowed(proof, limits)
    if not proof.logit < allowed:
        proof.failures.append(f"a logit differs by {proof.logit:.3g}, allowed {allowed:.3g}")
    if not proof.pixels <= limits.pixels:
        proof.failures.append(
            f"{100 * proof.pixels:.4f} % of the mask pixels differ, allowed "
            f"{100 * limits.pixels:g} %"
        )
    if not proof.worst_iou >= limits.iou:
        proof.failures.append(
            f"the mask of {proof.worst_photo} has IoU {proof.worst_iou:.4f} with the reference's, "
            f"demanded {limits.iou:g}"
        )


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    names = ["x".join(map(str, s)) for s in sorted(shapes, key=math.prod)]
    if len(names) <= 4:
        return ", ".join(names)
    return f"{len(names)}, from {names[0]} to {names[-1]}"


def table(proof: Proof, limits: Thresholds = DEMANDED) -> str:
    """The proof as a text table."""
    rows = [
        ("photos, masks", f"{proof.photos}, {proof.masks}", ""),
        ("input shapes", _shapes(proof.shapes), ""),
        ("max |logit difference|", f"{proof.logit:.2e}", f"< {_allowed(proof, limits):.3g}"),
        ("differing mask pixels", f"{100 * proof.pixels:.5f} %", f"<= {100 * limits.pixels:g} %"),
        ("mask IoU, mean", f"{proof.mean_iou:.6f}", ""),
        ("mask IoU, worst", f"{proof.worst_iou:.6f}", f">= {limits.iou:g}"),
        ("proof", "failed" if proof.failures else "passed", ""),
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:<{widths[1]}}  {limit}".rstrip()
        for name, value, limit in rows
    )
