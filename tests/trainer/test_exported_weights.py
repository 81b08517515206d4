"""Training that begins with an exported model: the same function, and a network that can learn."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from ioebss import BUNDLED
from ioebss.errors import ModelError
from ioebss.export.graph import export_graph
from ioebss.manifest import CHANNELS, Manifest, sha256_of, write_manifest
from ioebss.trainer.exported_weights import begin_with_exported
from ioebss.trainer.model import ClickModel, foreground_logits
from ioebss.trainer.networks import NetworkSpec
from ioebss.trainer.recipe import load_recipe

SMALL = {"in_channels": 5, "aspp_channels": 16, "low_channels": 8, "decoder_channels": 16}
RESNET = NetworkSpec(backbone="resnet18", **SMALL)


def some_inputs(channels: int, seed: int = 0, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, channels, 64, 64, generator=generator)
    x[:, :3] *= 255
    return x


def logits_of(path: Path, x: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": x.numpy()})[0])


@cache
def graph() -> bytes:
    """A model of `RESNET` with settled, uneven normalisation statistics, as the exporter writes
    it."""
    torch.manual_seed(1)
    model = ClickModel(RESNET)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_graph(model.eval(), path, None)
        return path.read_bytes()


def exported(folder: Path, content: bytes, precision: str = "fp32") -> Path:
    """A graph as a file, with a manifest."""
    path = folder / "model.onnx"
    path.write_bytes(content)
    values = ("model", "some", CHANNELS[:5], 5, 16, (64,), precision, sha256_of(path), 18)
    write_manifest(Manifest(*values, training={"photos_seen": 7, "updates": 3}), path)
    return path


def test_the_bundled_model_goes_on_as_it_is() -> None:
    """Without normalisation in the graph, with it in the network: the same logits."""
    torch.manual_seed(0)
    model = ClickModel(load_recipe("default").network)
    x = some_inputs(6)
    begin_with_exported(model, BUNDLED, [x])
    expected = logits_of(BUNDLED, other := some_inputs(6, seed=5))
    with torch.no_grad():
        actual = foreground_logits(model.eval()(other)).numpy()
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_statistics_are_those_of_the_samples(tmp_path: Path) -> None:
    """Training normalises by the batch's own statistics: it starts with the same function too."""
    path = exported(tmp_path, graph())
    torch.manual_seed(0)
    model = ClickModel(RESNET)
    lengths = {
        name: module.weight.detach().flatten(1).norm(dim=1)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d) and module.bias is None
    }
    x = some_inputs(5, count=4)
    begin_with_exported(model, path, [x[:1], x[1:]])
    expected = logits_of(path, x)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        trained = foreground_logits(model.train()(x)).numpy()
    scale = np.abs(expected).max()
    # The batch's variance is divided by n - 1 in the running statistics only: nothing else differs.
    np.testing.assert_allclose(trained, expected, atol=0.02 * scale)
    for name, length in lengths.items():
        weight = model.get_submodule(name).weight.detach()
        torch.testing.assert_close(weight.flatten(1).norm(dim=1), length)


def test_learned_upsampling_is_taken_over(tmp_path: Path) -> None:
    """FCN-8s enlarges with transposed convolutions, which start bilinear and are learned."""
    spec = NetworkSpec("fcn8s", "vgg16", 5, width=0.02)
    torch.manual_seed(1)
    model = ClickModel(spec).eval()
    with torch.no_grad():
        for score in (model.network.up32, model.network.up16, model.network.score16):
            nn.init.normal_(score.weight)
    path = tmp_path / "fcn.onnx"
    export_graph(model, path, None)
    exported(tmp_path, path.read_bytes())
    begun = ClickModel(spec)
    begin_with_exported(begun, tmp_path / "model.onnx", [])
    x = some_inputs(5)
    with torch.no_grad():
        expected, actual = (foreground_logits(m.eval()(x)) for m in (model, begun))
    assert expected.std() > 0.1
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


def test_what_is_known_of_its_training_is_handed_on(tmp_path: Path) -> None:
    path = exported(tmp_path, graph())
    known = begin_with_exported(ClickModel(RESNET), path, [])
    assert known == {
        "run": "model",
        "sha256": sha256_of(path),
        "photos_seen": 7,
        "updates": 3,
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"backbone": "resnet34"}, "has no layer"), ({"in_channels": 6}, "recipe's network has")],
)
def test_another_network_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    path = exported(tmp_path, graph())
    with pytest.raises(ModelError, match=reason):
        begin_with_exported(ClickModel(replace(RESNET, **change)), path, [])


def test_only_float32_models_begin_a_training(tmp_path: Path) -> None:
    path = exported(tmp_path, graph(), "fp16")
    with pytest.raises(ModelError, match="begins with a float32 model"):
        begin_with_exported(ClickModel(RESNET), path, [])


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path, b"\xff" * 100)
    with pytest.raises(ModelError, match="cannot be read"):
        begin_with_exported(ClickModel(RESNET), path, [])
