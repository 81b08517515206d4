"""The export, against PyTorch and against what the manifest promises."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from ioebss import Segmenter
from ioebss.errors import DataError, ModelError, OutputError, ProofError, UsageError
from ioebss.export import export as export_module
from ioebss.export.export import export_model
from ioebss.export.graph import DeployedModel
from ioebss.export.options import add_options, zoom_of
from ioebss.export.verify import Thresholds, photos_in, verify
from ioebss.export.weights import load_trained
from ioebss.manifest import read_manifest, sha256_of
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED
from ioebss.windows import Zoom

Command = Callable[..., "subprocess.CompletedProcess[str]"]
QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def exported(
    run: Path, tmp_path_factory: pytest.TempPathFactory, command_in: Callable[[Path], Command]
) -> Path:
    """As users make it."""
    folder = tmp_path_factory.mktemp("models")
    words = (run, "-o", "tiny.onnx", "--recommended-sizes", "64,128", "--licence", "none")
    result = command_in(folder)("ioebss-export", *words, "--zoom", "margin=1.5", "min_side=64")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "tiny.onnx"
    assert "max |logit difference|" in result.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["tiny.json", "tiny.onnx"]
    return folder / "tiny.onnx"


def test_the_manifest_tells_what_was_exported(exported: Path) -> None:
    manifest = read_manifest(exported)
    assert manifest.architecture == "deeplabv3plus-efficientnet_lite0"
    assert manifest.channels == ("red", "green", "blue", "positive", "negative", "previous")
    assert (manifest.click_radius, manifest.size_multiple) == (5, 16)
    assert (manifest.recommended_sizes, manifest.fixed_size) == ((64, 128), None)
    assert manifest.zoom == Zoom(margin=1.5, min_side=64, islands=0.05, forget=0.15, unsure=1.0)
    assert manifest.licence == "none"
    assert manifest.training["proof"]["photos"] == 4
    assert manifest.training["proof"]["logit"] < 1e-3


def test_zoom_is_the_bundled_models_where_nothing_else_is_said() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    for words, islands, forget, unsure in (
        ([], 0.05, 0.15, 1.0),
        (["islands=none", "forget=0"], None, 0.0, 1.0),
        (["islands=0", "forget=none", "unsure=none"], 0.0, None, None),
    ):
        zoom = zoom_of(parser.parse_args(["--zoom", *words]).zoom)
        assert zoom == Zoom(islands=islands, forget=forget, unsure=unsure)
    assert zoom_of([]) == read_manifest(BUNDLED).zoom


@pytest.mark.parametrize(
    ("words", "zoom", "sizes"),
    [
        # A quarter and half as much more than 64, to multiples of 16.
        ([], Zoom(islands=0.05, forget=0.15, unsure=1.0), (80, 64, 96)),
        (["--no-zoom"], None, (64,)),
    ],
)
def test_a_network_that_reads_a_previous_mask_zooms_in_unless_told_otherwise(
    run: Path,
    tmp_path: Path,
    command_in: Callable[[Path], Command],
    words: list[str],
    zoom: Zoom | None,
    sizes: tuple[int, ...],
) -> None:
    result = command_in(tmp_path)("ioebss-export", run, "-o", "tiny.onnx", *words)
    assert result.returncode == 0, result.stderr
    manifest = read_manifest(tmp_path / "tiny.onnx")
    assert (manifest.zoom, manifest.recommended_sizes) == (zoom, sizes)
    looks = "the whole photo, then the object" if zoom else "the whole photo"
    assert f"it looks at {looks}, at {sizes[0]} pixels" in result.stderr


def test_the_graph_follows_the_contract(exported: Path) -> None:
    graph = onnx.load(exported)
    onnx.checker.check_model(graph, full_check=True)
    opset = {o.domain: o.version for o in graph.opset_import}
    assert set(opset) == {""}
    assert opset[""] >= 18
    (value,) = graph.graph.input
    axes = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    assert (value.name, axes) == ("input", ["batch", 6, "height", "width"])
    (value,) = graph.graph.output
    axes = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
    assert (value.name, axes) == ("logits", ["batch", 1, "height", "width"])
    kinds = {node.op_type for node in graph.graph.node}
    assert "BatchNormalization" not in kinds  # simplified
    assert not any(node.doc_string or node.metadata_props for node in graph.graph.node)
    assert os.sep + "trainer" not in str(graph)  # nor where it was made


def test_logits_are_foreground_minus_background_of_normalised_input(
    run: Path, exported: Path
) -> None:
    """The contract spelled out by hand around the bare network."""
    model = load_trained(run).model
    session = onnxruntime.InferenceSession(str(exported))
    rng = np.random.default_rng(0)
    for count, height, width in ((1, 64, 64), (3, 96, 32), (1, 16, 208)):
        inputs = rng.random((count, 6, height, width), dtype=np.float32)
        inputs[:, :3] *= 255
        normalised = inputs.copy()
        normalised[:, :3] = (inputs[:, :3] - 127) / 128
        with torch.inference_mode():
            scores = model.network(torch.from_numpy(normalised)).numpy()
        (logits,) = session.run(None, {"input": inputs})
        np.testing.assert_allclose(logits[:, 0], scores[:, 1] - scores[:, 0], atol=1e-4)


def test_the_runtime_opens_it(exported: Path, samples: Path) -> None:
    session = Segmenter(exported).open(samples / "chelsea.jpg")
    assert session.click(240, 150).shape == (300, 451)


def test_a_fixed_size(run: Path, tmp_path: Path, samples: Path) -> None:
    output = tmp_path / "fixed.onnx"
    export_model(run, output, QUIET, size=96)
    manifest = read_manifest(output)
    assert manifest.fixed_size == (96, 96)
    shape = onnx.load(output).graph.input[0].type.tensor_type.shape
    assert [d.dim_value for d in shape.dim] == [1, 6, 96, 96]
    session = Segmenter(output).open(samples / "coffee.jpg")
    assert session.click(300, 200).shape == (400, 600)


def test_a_graph_that_differs_is_not_handed_over(
    run: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(model: object, path: Path, size: int | None) -> None:
        graph = onnx.load(exported)
        for initializer in graph.graph.initializer:
            values = numpy_helper.to_array(initializer)
            if values.ndim == 4:
                changed = numpy_helper.from_array(values * np.float32(1.05), initializer.name)
                initializer.CopyFrom(changed)
        onnx.save(graph, path)

    monkeypatch.setattr(export_module, "export_graph", wrong)
    with pytest.raises(ProofError, match="nothing was written: a logit differs by"):
        export_model(run, tmp_path / "wrong.onnx", QUIET)
    assert [p.name for p in tmp_path.iterdir()] == []


def test_every_threshold_is_judged(run: Path, exported: Path) -> None:
    trained = load_trained(run)
    reference = DeployedModel(trained.model).eval()
    limits = Thresholds(logit=0.0, roundings=0.0, pixels=-1.0, iou=1.1)
    photos = photos_in(None)[:1]
    proof = verify(reference, exported, read_manifest(exported), photos, QUIET, limits)
    assert len(proof.failures) == 3
    assert proof.masks == 7  # five clicks, and a batch of two


@pytest.mark.parametrize(("stretch", "right"), [(1.0, True), (1.0003, False)])
def test_a_logit_may_differ_by_what_float32_rounds(
    run: Path, exported: Path, tmp_path: Path, stretch: float, right: bool
) -> None:
    """Logits 10,000 times as large, in both, round by 10,000 times as much; 0.03 % is an error."""
    model = load_trained(run).model
    with torch.no_grad():
        for parameter in model.network.classifier.parameters():
            parameter *= 1e4
    graph = onnx.load(exported)
    for initializer in graph.graph.initializer:
        if ".classifier." in initializer.name:
            values = numpy_helper.to_array(initializer) * np.float32(1e4 * stretch)
            initializer.CopyFrom(numpy_helper.from_array(values, initializer.name))
    path = tmp_path / "large.onnx"
    onnx.save(graph, path)
    manifest = replace(read_manifest(exported), sha256=sha256_of(path))
    reference = DeployedModel(model).eval()
    proof = verify(reference, path, manifest, photos_in(None)[:1], QUIET)
    assert proof.logit > Thresholds().logit
    assert 0 < proof.rounding < 1
    assert (proof.logit < 4 * proof.rounding) == right
    assert [failure[:15] for failure in proof.failures] == ([] if right else ["a logit differs"])


def test_the_manifest_names_the_runs_before(run: Path, tmp_path: Path) -> None:
    chained = shutil.copytree(run, tmp_path / "chained")
    first = {"run": "a", "photos_seen": 3, "updates": 1, "recipe": {}}
    state = json.loads((chained / "weights.json").read_text())
    state["start"] = {"run": "b", "photos_seen": 5, "updates": 2, "recipe": {}, "start": first}
    (chained / "weights.json").write_text(json.dumps(state))
    assert load_trained(run).training["start"] is None
    assert load_trained(chained).training["start"] == {
        "run": "b",
        "photos_seen": 5,
        "updates": 2,
        "start": {"run": "a", "photos_seen": 3, "updates": 1, "start": None},
    }
    # A model that was averaged before knows of no photos, only of what it is the mean of.
    state["start"] = {"run": "mean", "sha256": "0" * 64, "averaged": [{"name": "a", "share": 0.5}]}
    (chained / "weights.json").write_text(json.dumps(state))
    assert load_trained(chained).training["start"] == state["start"] | {"start": None}


def test_folding_the_two_channels_into_one_changes_nothing(run: Path) -> None:
    model = load_trained(run).model
    inputs = torch.rand(2, 6, 64, 48) * 255
    with torch.inference_mode():
        expected = DeployedModel(model).eval()(inputs)
        actual = DeployedModel(model, folded=True).eval()(inputs)
    assert actual.shape == (2, 1, 64, 48)
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)
    assert model.network.classifier.out_channels == 2


def test_usage(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"written as \.onnx"):
        export_model(run, tmp_path / "model.pt", QUIET)
    with pytest.raises(OutputError, match="is not a folder; make it first"):
        export_model(run, tmp_path / "none" / "model.onnx", QUIET)
    (tmp_path / "weights.json").write_text("{}")
    with pytest.raises(OutputError, match="exists and is no manifest"):
        export_model(run, tmp_path / "weights.onnx", QUIET)
    (tmp_path / "weights.json").unlink()
    with pytest.raises(UsageError, match="size 100: it must be a multiple of 16"):
        export_model(run, tmp_path / "model.onnx", QUIET, size=100)
    with pytest.raises(UsageError, match="size 100: it must be a multiple of 16"):
        export_model(run, tmp_path / "model.onnx", QUIET, size=100, sizes=[64])
    with pytest.raises(UsageError, match="size 0: it must be a multiple of 16"):
        export_model(run, tmp_path / "model.onnx", QUIET, size=0)
    with pytest.raises(ModelError, match="no weights of a run of ioebss-train to read"):
        export_model(tmp_path, tmp_path / "model.onnx", QUIET)
    with pytest.raises(DataError, match="holds no photo"):
        export_model(run, tmp_path / "model.onnx", QUIET, photos=tmp_path)


def test_weights_of_another_network(run: Path, tmp_path: Path) -> None:
    text = (run / "weights.json").read_text().replace('"aspp_channels": 16', '"aspp_channels": 24')
    (tmp_path / "weights.json").write_text(text)
    for file in run.glob("*.safetensors"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="do not fit its network"):
        load_trained(tmp_path)


def test_a_run_in_half_precision(
    call: Command, run: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32 first, which is proven against PyTorch; then that one in half precision."""
    # The graph as it was translated before: that takes PyTorch half a minute.
    monkeypatch.setattr(
        export_module, "export_graph", lambda model, path, size: shutil.copy(exported, path)
    )
    result = call("ioebss-export", run, "--fp16", "-o", "half.onnx")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["half.onnx"]
    assert "max |logit difference|" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["half.json", "half.onnx"]
    manifest = read_manifest(tmp_path / "half.onnx")
    assert (manifest.precision, manifest.recommended_sizes) == ("fp16", (80, 64, 96))
    types = {c.data_type for c in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert onnx.TensorProto.FLOAT16 in types


def test_what_makes_no_sense_is_refused(call: Command, run: Path, tmp_path: Path) -> None:
    for arguments, code, text in (
        ((tmp_path, "-o", "n.onnx"), 1, "does not exist"),
        ((run, "-o", "n.onnx", "--size", "100"), 2, "multiple of 16"),
        ((run, "-o", "n.onnx", "--recommended-sizes", "100"), 2, "multiple of 16"),
        ((run, "-o", "n.onnx", "--recommended-sizes", "a"), 2, "no list of sides"),
        ((run, "-o", "n.onnx", "--zoom", "--no-zoom"), 2, "not allowed with argument --zoom"),
        ((run, "-o", "n.onnx", "--zoom", "wide=2"), 2, "none of the settings such as margin=1.4"),
        ((run, "-o", "n.onnx", "--zoom", "margin=a"), 2, "none of the settings"),
        ((run, "-o", "n.onnx", "--zoom", "margin=0.5"), 2, "margin = 0.5; it must be 1 to 10"),
    ):
        result = call("ioebss-export", *arguments)
        assert result.returncode == code, result.stderr
        assert text in result.stderr
    assert not list(tmp_path.iterdir())
