"""A float32 model to one in 8 bits, proven on real photographs before anything is written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from ioebss.atomic import write_atomically
from ioebss.calibration.cpu_graph import quantise_for_cpu
from ioebss.calibration.exclusion import exclude_on_photos
from ioebss.calibration.ranges import read_ranges
from ioebss.errors import ProofError, UsageError
from ioebss.export.compare import INT8, MaskProof, MaskThresholds, compare_masks
from ioebss.export.export import check_output
from ioebss.manifest import check_graph, read_manifest, sha256_of, write_manifest
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset


def export_int8(
    model: Path,
    output: Path,
    calibration: Path,
    photographs: SceneDataset,
    progress: Progress,
    keep: Sequence[str] = (),
    thresholds: MaskThresholds = INT8,
    command: str = "",
    exclude_until: float | None = None,
) -> MaskProof:
    """Writes the 8-bit model for CPUs and its manifest.

    Args:
        model: float32 ONNX file with its manifest.
        output: the ONNX file to write.
        calibration: ranges file of `ioebss-calibrate`, made with this model.
        photographs: with objects, for the proof; others than those of the calibration.
        keep: convolutions whose weight's name contains one of these texts stay in float32.
        thresholds: what the proof demands.
        exclude_until: leave as many layers in float32 as the whole graph needs for this mean IoU
            with the float32 model, see `ioebss.calibration.exclusion`.

    Raises:
        ProofError: `exclude_until` cannot be reached, or the masks differ from the float32 model's
            by more than allowed; nothing is written.
        UsageError: the model is not float32, or the ranges belong to another one.
        ModelError, DataError, OutputError: a file cannot be read, used or written.
    """
    check_output(output)
    manifest = read_manifest(model)
    check_graph(model, manifest)
    if manifest.precision != "fp32":
        raise UsageError(f"{model} is {manifest.precision} already; give the float32 model")
    if output.resolve() == model.resolve():
        raise UsageError(f"{output} is the float32 model itself; choose another --output")
    ranges = read_ranges(calibration)
    if ranges.sha256 != manifest.sha256:
        raise UsageError(
            f"{calibration} was measured on another model (sha256 {ranges.sha256[:12]}..., not "
            f"{manifest.sha256[:12]}...); run ioebss-calibrate {model}"
        )
    excluded = None
    if exclude_until is not None:
        excluded = exclude_on_photos(model, ranges, photographs, exclude_until, progress, keep)
        keep = [*keep, *excluded.weights]
    with tempfile.TemporaryDirectory(prefix="ioebss-export-") as folder:
        graph = Path(folder) / output.name
        census = quantise_for_cpu(model, ranges, graph, keep)
        progress.say(
            f"{census.eight_bit} convolutions in 8 bits, {census.in_float} in float32; proving"
        )
        quantisation = {
            "from": manifest.sha256,
            "method": ranges.method,
            "samples": ranges.samples,
            "kept_in_float32": list(keep),
            "exclusion": excluded and asdict(excluded),
            **asdict(census),
        }
        manifest = replace(
            manifest,
            name=f"{manifest.name}-int8",
            precision="int8",
            sha256=sha256_of(graph),
            metrics=[],
            training={**manifest.training, "quantisation": quantisation},
            command=command,
        )
        write_manifest(manifest, graph)
        proof = compare_masks(model, graph, photographs, progress)
        progress.say(proof.table())
        if failures := proof.failures(thresholds):
            raise ProofError(
                f"the 8-bit model is not good enough, nothing was written: {failures[0]}; try "
                "--keep-fp32 for the first layers, more photos, or another --method"
            )
        manifest.training["proof"] = asdict(proof)
        write_atomically(output, lambda path: shutil.copyfile(graph, path))
        write_manifest(manifest, output)
    return proof
