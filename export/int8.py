"""A float32 model to two in 8 bits, one for CPUs and one for TensorRT, from one calibration; both
proven before anything is handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from ioebss.calibration.cpu_graph import quantise_for_cpu
from ioebss.calibration.defaults import SPLIT
from ioebss.calibration.exclusion import exclude_on_photos
from ioebss.calibration.graph_parts import Census
from ioebss.calibration.measure import calibrated
from ioebss.calibration.ranges import Ranges, read_ranges
from ioebss.calibration.trt_graph import quantise_for_trt
from ioebss.engine_files import TENSORRT
from ioebss.errors import UsageError
from ioebss.export.float32_model import float32_manifest, in_lower_precision
from ioebss.export.naming import check_model_output
from ioebss.export.proven import Draft, Terms, hand_over
from ioebss.manifest import Manifest
from ioebss.progress import Progress
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.scene import SceneDataset

Quantise = Callable[[Path, Ranges, Path, Sequence[str]], Census]
REMEDY = "try --keep-fp32 for the first layers, more photos, or another --method of calibration"
CPU = "cpu"  # or `TENSORRT`: what a graph is made for, "target" in its manifest


def ranges_for(model: Path, calibration: Path, progress: Progress, command: str = "") -> Ranges:
    """The ranges that a model is quantised by.

    Args:
        model: float32 ONNX file with its manifest.
        calibration: ranges file of `ioebss-calibrate`, made with this model; or a folder of photos
            and masks, which are calibrated on as that command does unless told otherwise.

    Raises:
        UsageError: the ranges belong to another model.
        DataError, ImageError, ModelError: a file cannot be read or used.
    """
    manifest = float32_manifest(model)
    if calibration.is_dir():
        progress.say(f"calibrating on {calibration}")
        return calibrated(
            model,
            open_dataset([calibration], SPLIT),
            progress,
            data=[calibration.resolve().name],
            split=SPLIT,
            command=command,
        )
    ranges = read_ranges(calibration)
    if ranges.sha256 != manifest.sha256:
        raise UsageError(
            f"{calibration} was measured on another model (sha256 {ranges.sha256[:12]}..., not "
            f"{manifest.sha256[:12]}...); run ioebss-calibrate {model}"
        )
    return ranges


def export_int8(
    model: Path,
    for_cpu: Path,
    for_trt: Path,
    ranges: Ranges,
    terms: Terms,
    progress: Progress,
    keep: Sequence[str] = (),
    exclude_until: tuple[float, SceneDataset] | None = None,
) -> None:
    """Writes the 8-bit models and their manifests.

    Args:
        model: float32 ONNX file with its manifest.
        for_cpu, for_trt: the ONNX files to write.
        ranges: of the model's activations, see `ranges_for`.
        terms: of the proof; its photographs are best others than those of the calibration.
        keep: convolutions whose name, or weight's name, is or contains one of these texts stay in
            float32.
        exclude_until: leave as many layers in float32 as the graph for CPUs needs for this mean IoU
            with the float32 model on these photographs with objects, see
            `ioebss.calibration.exclusion`; the other graph follows.

    Raises:
        ProofError: `exclude_until` cannot be reached, or the masks differ from the float32 model's
            by more than allowed; nothing is written.
        UsageError: the model is not float32, or a text of `keep` is in no name.
        ModelError, DataError, OutputError: a file cannot be read, used or written.
    """
    for output in (for_cpu, for_trt):
        check_model_output(output)
    manifest = float32_manifest(model, for_cpu, for_trt)
    excluded = None
    if exclude_until is not None:
        demanded, scenes = exclude_until
        excluded = exclude_on_photos(model, ranges, scenes, demanded, progress, keep)
        keep = [*keep, *excluded.weights]

    def draft(output: Path, quantise: Quantise, target: str) -> Draft:
        def write(graph: Path) -> Manifest:
            census = quantise(model, ranges, graph, keep)
            progress.say(
                f"{output.name}: {census.eight_bit} convolutions in 8 bits, {census.in_float} in "
                "float32"
            )
            quantisation = {
                "from": manifest.sha256,
                "target": target,
                "method": ranges.method,
                "samples": ranges.samples,
                "kept_in_float32": list(keep),
                "exclusion": excluded and asdict(excluded),
                **asdict(census),
            }
            made = {"quantisation": quantisation}
            return in_lower_precision(manifest, graph, "int8", made, terms.command)

        return Draft(output, write, REMEDY)

    drafts = [draft(for_cpu, quantise_for_cpu, CPU), draft(for_trt, quantise_for_trt, TENSORRT)]
    hand_over(model, drafts, terms, progress)
