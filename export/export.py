"""The export as a whole: graph, manifest, proof, and only then files."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import onnx

from ioebss.errors import ProofError
from ioebss.export.graph import OPSET, DeployedModel, check_side, export_graph, size_multiple
from ioebss.export.naming import check_model_output
from ioebss.export.placing import put_in_place
from ioebss.export.verify import Proof, photos_in, table, verify
from ioebss.export.weights import Trained, load_trained
from ioebss.manifest import CHANNELS, Manifest, sha256_of
from ioebss.progress import Progress
from ioebss.trainer import checkpoint
from ioebss.windows import Zoom

DEFAULT_LICENCE = "unstated"


def export_model(
    run: Path,
    output: Path,
    progress: Progress,
    size: int | None = None,
    photos: Path | None = None,
    sizes: list[int] | None = None,
    zoom: Zoom | None = None,
    usual_zoom: Zoom | None = None,
    **described: Any,
) -> Proof:
    """Exports the best weights of a run to an ONNX graph and its manifest, proven first.

    Args:
        run: folder of the run, or its `weights.json`.
        output: the ONNX file; its manifest goes beside it.
        size: side of a fixed square input; None leaves N, H and W open.
        photos: folder of photos to prove the export on; None takes the samples.
        sizes: recommended longer sides; None takes `recommended_sides`.
        zoom: how the runtime zooms in on the object; None leaves it at the whole photo.
        usual_zoom: the same for a network that reads a previous mask, where `zoom` is None.
        described: name, licence and command of the manifest.

    Raises:
        ProofError: the graph does not do what the PyTorch model does; nothing is written.
        UsageError: a size that the model does not take, or an output that is no .onnx file.
        ModelError: the run cannot be loaded.
        OutputError: the files cannot be written.
    """
    check_model_output(output)
    trained = load_trained(run)
    if zoom is None and trained.recipe.network.in_channels == len(CHANNELS):
        zoom = usual_zoom
    sizes = sizes or ([size] if size else recommended_sides(trained, zoom))
    for side in sizes if size is None else (size, *sizes):
        check_side(trained.model, side)
    pictures = photos_in(photos)
    with tempfile.TemporaryDirectory(prefix="ioebss-export-") as folder:
        graph = Path(folder) / output.name
        progress.say(f"exporting {trained.recipe.name} to ONNX, opset {OPSET}")
        looks = "the whole photo" if zoom is None else "the whole photo, then the object"
        progress.say(f"it looks at {looks}, at {sizes[0]} pixels")
        export_graph(trained.model, graph, size)
        opset = next(
            o.version for o in onnx.load(graph).opset_import if o.domain in ("", "ai.onnx")
        )
        manifest = _manifest(trained, sha256_of(graph), opset, size, sizes, zoom, described)
        reference = DeployedModel(trained.model).eval()
        proof = verify(reference, graph, manifest, pictures, progress)
        progress.say(table(proof))
        if proof.failures:
            raise ProofError(
                f"the export is not equal to the model, nothing was written: {proof.failures[0]}"
            )
        manifest = replace(manifest, training={**manifest.training, "proof": _summary(proof)})
        put_in_place([(graph, manifest, output)])
    return proof


def training_side(trained: Trained) -> int:
    """The training size, rounded to what the model takes, in pixels."""
    step = size_multiple(trained.model)
    return max(1, round(trained.recipe.data.size / step)) * step


def recommended_sides(trained: Trained, zoom: Zoom | None) -> list[int]:
    """Longer sides to recommend: the training size; of a network that zooms in a quarter more, then
    that size, then half as much more, as was measured best of the recipe `default`
    (docs/results/README.md)."""
    side, step = training_side(trained), size_multiple(trained.model)
    if zoom is None:
        return [side]
    return [max(1, round(side * share / step)) * step for share in (1.25, 1, 1.5)]


def manifest_of_run(run: Path, trained: Trained, zoom: Zoom | None = None) -> Manifest:
    """What the manifest of an export would say, of a run that is not exported. Its sha256 is that
    of the file of weights.

    Args:
        run: as it was loaded.
        trained: what was loaded.
        zoom: how the runtime zooms in on the object; None leaves it at the whole photo.

    Raises:
        ModelError: the run is gone.
    """
    weights, _ = checkpoint.find(run, checkpoint.WEIGHTS)
    sides = [training_side(trained)]
    return _manifest(trained, sha256_of(weights), OPSET, None, sides, zoom, {})


def _manifest(
    trained: Trained,
    sha256: str,
    opset: int,
    size: int | None,
    sizes: list[int],
    zoom: Zoom | None,
    described: dict[str, Any],
) -> Manifest:
    spec = trained.recipe.network
    return Manifest(
        name=described.get("name") or trained.recipe.name,
        architecture=f"{spec.architecture}-{spec.backbone}",
        channels=CHANNELS[: spec.in_channels],
        click_radius=trained.recipe.clicks.radius,
        planes=spec.planes,
        size_multiple=size_multiple(trained.model),
        recommended_sizes=tuple(sizes),
        precision="fp32",
        sha256=sha256,
        opset=opset,
        fixed_size=(size, size) if size else None,
        zoom=zoom,
        training=trained.training,
        licence=described.get("licence") or DEFAULT_LICENCE,
        command=described.get("command") or "",
    )


def _summary(proof: Proof) -> dict[str, Any]:
    values = asdict(proof)
    del values["failures"], values["shapes"]
    return values
