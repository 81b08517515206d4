"""A float32 model to one in half precision, proven before it is handed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ioebss.calibration.measure import calibrated
from ioebss.export.float32_model import float32_manifest, in_lower_precision
from ioebss.export.half_graph import to_half
from ioebss.export.naming import check_model_output
from ioebss.export.overflow import nodes_in_float
from ioebss.export.proven import Draft, Terms, hand_over
from ioebss.export.sample_scenes import SampleScenes
from ioebss.manifest import Manifest
from ioebss.progress import Progress

REMEDY = "try --keep-fp32 for the first layers, or for those whose activations are largest"
SHOWN = 8  # nodes that are named on the terminal; all are in the manifest


def export_fp16(
    model: Path,
    output: Path,
    terms: Terms,
    progress: Progress,
    keep: Sequence[str] = (),
) -> None:
    """Writes the model in half precision and its manifest.

    What float16 cannot hold stays in float32: see `ioebss.export.overflow`. For that, activations
    are measured while the sample photographs are clicked on.

    Args:
        model: float32 ONNX file with its manifest.
        output: the ONNX file to write.
        terms: of the proof.
        keep: nodes whose name, or a weight's name, is or contains one of these texts stay in
            float32.

    Raises:
        ProofError: the masks differ from the float32 model's by more than allowed; nothing is
            written.
        UsageError: the model is not float32, or a text of `keep` is in no name.
        ModelError, OutputError: a file cannot be read, used or written.
    """
    check_model_output(output)
    manifest = float32_manifest(model, output)
    progress.say("measuring activations on the sample photographs")
    samples = SampleScenes()
    ranges = calibrated(model, samples, progress, len(samples)).ranges
    reasons = nodes_in_float(model, ranges, keep)
    progress.say(_told(reasons))

    def write(graph: Path) -> Manifest:
        in_half, in_float = to_half(model, reasons.keys(), graph)
        progress.say(f"{in_half} convolutions in half precision, {in_float} in float32")
        half = {
            "from": manifest.sha256,
            "kept_in_float32": reasons,
            "in_half": in_half,
            "in_float": in_float,
        }
        return in_lower_precision(manifest, graph, "fp16", {"half": half}, terms.command)

    hand_over(model, [Draft(output, write, REMEDY)], terms, progress)


def _told(reasons: Mapping[str, str]) -> str:
    """What stays in float32, in a few lines."""
    expected = ("normalisation", "asked for")
    counts = Counter(reason for reason in reasons.values() if reason in expected)
    others = [f"  {node}: {reason}" for node, reason in reasons.items() if reason not in expected]
    summary = ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "no node"
    more = [f"  and {len(others) - SHOWN} more"] * (len(others) > SHOWN)
    first = f"in float32 stay: {summary}, {len(others)} for their values"
    return "\n".join([first, *others[:SHOWN], *more])
