"""Averages of models, by hand on a graph whose answer is linear in its weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from ioebss.errors import ModelError, UsageError
from ioebss.export import mean_model
from ioebss.export.average import main as average_command
from ioebss.export.mean_model import average
from ioebss.manifest import read_manifest, sha256_of, write_manifest


def answer(path: Path, inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": inputs})[0])


@pytest.fixture
def pair(make_model: Callable[..., Path], tmp_path: Path) -> tuple[Path, Path]:
    """A model, and one with other weights."""
    first = make_model()
    graph = onnx.load(first)
    for constant in graph.graph.initializer:
        values = numpy_helper.to_array(constant) * np.float32(3) + np.float32(1)
        constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    second = tmp_path / "other.onnx"
    onnx.save(graph, second)
    manifest = replace(read_manifest(first), name="other", sha256=sha256_of(second))
    write_manifest(manifest, second)
    return first, second


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_mean_of_a_linear_graph_is_the_mean_of_its_answers(
    pair: tuple[Path, Path], tmp_path: Path, share: float
) -> None:
    output = tmp_path / "mean.onnx"
    average(*pair, output, share, "as typed")
    inputs = np.random.default_rng(0).random((1, 6, 32, 48)).astype(np.float32)
    expected = (1 - share) * answer(pair[0], inputs) + share * answer(pair[1], inputs)
    np.testing.assert_allclose(answer(output, inputs), expected, rtol=1e-4, atol=1e-3)
    manifest = read_manifest(output)
    assert (manifest.name, manifest.command, manifest.metrics) == ("other", "as typed", [])
    mixed = manifest.training["averaged"]
    assert [part["share"] for part in mixed] == [1 - share, share]
    assert [part["sha256"] for part in mixed] == [sha256_of(path) for path in pair]


def test_names_that_an_exporter_has_numbered_otherwise_do_not_matter(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    expected, output = tmp_path / "expected.onnx", tmp_path / "mean.onnx"
    average(*pair, expected, 0.5)
    model = onnx.load(pair[1])
    names = {"weight": "val_7", "bias": "val_3"}
    for constant in model.graph.initializer:
        constant.name = names[constant.name]
    for node in model.graph.node:
        node.name = "node_1"
        node.input[:] = [names.get(name, name) for name in node.input]
    constants = list(model.graph.initializer)[::-1]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    onnx.save(model, pair[1])
    write_manifest(replace(read_manifest(pair[1]), sha256=sha256_of(pair[1])), pair[1])
    average(*pair, output, 0.5)
    assert output.read_bytes() == expected.read_bytes()


def test_other_networks_are_refused(
    pair: tuple[Path, Path], make_model: Callable[..., Path], tmp_path: Path
) -> None:
    output = tmp_path / "mean.onnx"
    other = pair[1].rename(tmp_path / "kept.onnx")
    pair[1].with_suffix(".json").rename(tmp_path / "kept.json")
    with pytest.raises(ModelError, match="differ in channels"):
        average(other, make_model(channels=5), output, 0.5)
    distances = make_model()
    write_manifest(replace(read_manifest(distances), planes="distances"), distances)
    with pytest.raises(ModelError, match="differ in planes: discs, distances"):
        average(other, distances, output, 0.5)
    first = make_model()
    graph = onnx.load(first)
    graph.graph.node[0].attribute[0].ints[0] += 1  # of the padding, or whatever comes first
    onnx.save(graph, first)
    write_manifest(replace(read_manifest(first), sha256=sha256_of(first)), first)
    with pytest.raises(ModelError, match="not the same network"):
        average(first, other, output, 0.5)
    assert not output.exists()


def test_what_makes_no_sense_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be 0 to 1"):
        average(*pair, tmp_path / "mean.onnx", 1.5)
    with pytest.raises(UsageError, match="is the float32 model itself"):
        average(*pair, pair[0], 0.5)


def test_without_onnx_the_extra_is_named(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, mean_model.__name__)
    monkeypatch.setattr("sys.argv", ["average", *map(str, pair), "-o", str(tmp_path / "mean.onnx")])
    with pytest.raises(SystemExit) as caught:
        average_command()
    assert caught.value.code == 1
    assert 'pip install "ioebss[export]"' in capsys.readouterr().err
