"""The one door through which a model leaves: written aside, proven, and only then put in place."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.backends import onnxruntime_cpu
from ioebss.errors import BackendError, IoebssError, ProofError
from ioebss.export.compare import INT8, MaskThresholds, compare_masks
from ioebss.gpu.libcuda import require_gpu
from ioebss.manifest import Manifest, manifest_path, read_manifest, write_manifest
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset

FP16 = MaskThresholds(mean=0.995, worst=0.98)
LIMITS = {"fp16": FP16, "int8": INT8}


@dataclass(frozen=True)
class Draft:
    """A model that is not proven yet.

    Attributes:
        output: the ONNX file to become.
        write: writes the graph to a path and returns its manifest.
        remedy: what to try if it is not good enough, for the message.
    """

    output: Path
    write: Callable[[Path], Manifest]
    remedy: str


def hand_over(
    reference: Path,
    drafts: Sequence[Draft],
    photographs: SceneDataset,
    limits: MaskThresholds,
    progress: Progress,
) -> None:
    """Writes models and their manifests: all of them, or none if one fails its proof.

    Args:
        reference: the float32 model that they must equal.
        photographs: to prove them on.
        limits: what is demanded.

    Raises:
        ProofError: a model's masks differ from the reference's by more than allowed.
        OutputError: a file cannot be written. Whatever writing a draft raises goes through.
    """
    with tempfile.TemporaryDirectory(prefix="ioebss-export-") as folder:
        proven = []
        for draft in drafts:
            graph = Path(folder) / draft.output.name
            manifest = draft.write(graph)
            write_manifest(manifest, graph)
            proof = _prove(reference, graph, photographs, limits, draft, progress)
            manifest = replace(manifest, training={**manifest.training, "proof": proof})
            proven.append((graph, manifest, draft.output))
        _put_in_place(proven)


def prove_engine(engine: Path, graph: Path, flavour: str) -> dict[str, Any]:
    """The proof of an engine that lies aside, for its manifest.

    Args:
        engine: with its manifest.
        graph: the ONNX file that it was built of, with its own.
        flavour: "tensorrt" or "tensorrt-rtx".
    """
    try:
        require_gpu()
        reason = f"nothing here runs engines of {flavour} for a proof"
    except BackendError as error:
        reason = f"it could not run here: {error}"
    known = read_manifest(graph).training.get("proof")
    of_graph = known.get("status", "passed") if isinstance(known, dict) else "not run"
    return {"status": "not run", "reason": f"{reason}. That of its graph {graph.name}: {of_graph}"}


def _prove(
    reference: Path,
    graph: Path,
    photographs: SceneDataset,
    limits: MaskThresholds,
    draft: Draft,
    progress: Progress,
) -> dict[str, Any]:
    progress.say(f"proving {draft.output.name}")
    proof = compare_masks(reference, graph, photographs, progress)
    progress.say(proof.table())
    if failures := proof.failures(limits):
        raise ProofError(
            f"{draft.output.name} is not good enough, nothing was written: {failures[0]}; "
            f"{draft.remedy}"
        )
    return {"status": "passed", "engine": onnxruntime_cpu.OnnxRuntimeCpu.name, **asdict(proof)}


def _put_in_place(proven: Sequence[tuple[Path, Manifest, Path]]) -> None:
    written: list[Path] = []
    try:
        for graph, manifest, output in proven:
            # The manifest comes last: without the one that describes it, no graph is ever loaded.
            write_atomically(output, partial(shutil.copyfile, graph))
            written.append(output)
            write_manifest(manifest, output)
            written.append(manifest_path(output))
    except IoebssError:
        for path in written:
            path.unlink(missing_ok=True)
        raise
