"""Small scenes, and methods whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ioebss.manifest import CHANNELS, Manifest, sha256_of, write_manifest
from ioebss.trainer.datasets.scene import VOID, Scene

WIDTH, HEIGHT = 96, 64
DILATION = 15  # pixels that the tiny model's mask reaches beyond a click's disc


def draw_scene(number: int) -> Scene:
    """Two squares of 24 and 20 pixels and one of 4, with a void column beside the first."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    top = 4 + 3 * number
    labels[top : top + 24, 8:32] = 1
    labels[top : top + 24, 32] = VOID
    labels[30:50, 60:80] = 2
    labels[2:6, 90:94] = 3
    image = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return Scene(f"scene{number}", image, labels)


class Scenes:
    """A data set in memory that counts its reads."""

    def __init__(self, count: int) -> None:
        self.scenes = [draw_scene(i) for i in range(count)]
        self.reads = 0

    def __len__(self) -> int:
        return len(self.scenes)

    def scene(self, index: int) -> Scene:
        self.reads += 1
        return self.scenes[index]


class ScriptedMethod:
    """Answers the k-th click on every photo with the k-th mask, then with the last."""

    def __init__(self, masks: list[NDArray[np.bool_]]) -> None:
        self.masks = masks
        self.clicks: list[tuple[float, float, int]] = []

    def open(self, photo: NDArray[np.uint8]) -> ScriptedMethod:
        self.clicks = []
        return self

    def click(self, x: float, y: float, label: int = 1) -> NDArray[np.bool_]:
        self.clicks.append((x, y, label))
        return self.masks[min(len(self.clicks), len(self.masks)) - 1]


@pytest.fixture
def scenes() -> Callable[[int], Scenes]:
    return Scenes


@pytest.fixture
def scripted() -> Callable[[list[NDArray[np.bool_]]], ScriptedMethod]:
    return ScriptedMethod


@pytest.fixture
def voc_tree(tmp_path: Path) -> Path:
    """Three scenes, six objects of at least 300 pixels, listed as `val`."""
    root = tmp_path / "squares"
    for folder in ("JPEGImages", "SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    drawn = [draw_scene(i) for i in range(3)]
    for scene in drawn:
        Image.fromarray(scene.image).save(root / "JPEGImages" / f"{scene.name}.png")
        Image.fromarray(scene.labels).save(root / "SegmentationObject" / f"{scene.name}.png")
    listed = "\n".join(scene.name for scene in drawn)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text(listed)
    return root


@pytest.fixture
def tiny_model(tmp_path: Path) -> Path:
    """An ONNX model: discs of foreground clicks, dilated by `DILATION`, less background discs."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    sizes = onnx.TensorProto.INT64
    bounds = {"three": 3, "four": 4, "five": 5, "axis": 1}
    constants = [helper.make_tensor(n, sizes, [1], [v]) for n, v in bounds.items()]
    constants.append(helper.make_tensor("half", kind, [1], [0.5]))
    side = 2 * DILATION + 1
    window = {"kernel_shape": [side, side], "pads": [DILATION] * 4}
    nodes = [
        helper.make_node("Slice", ["input", "three", "four", "axis"], ["positive"]),
        helper.make_node("Slice", ["input", "four", "five", "axis"], ["negative"]),
        helper.make_node("MaxPool", ["positive"], ["taken"], **window),
        helper.make_node("Sub", ["taken", "negative"], ["left"]),
        helper.make_node("Sub", ["left", "half"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "discs",
        [helper.make_tensor_value_info("input", kind, ["N", 5, "H", "W"])],
        [helper.make_tensor_value_info("logits", kind, ["N", 1, "H", "W"])],
        constants,
    )
    opset = helper.make_opsetid("", 18)
    path = tmp_path / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    manifest = Manifest(
        name="tiny",
        architecture="discs",
        channels=CHANNELS[:5],
        click_radius=5,
        size_multiple=32,
        recommended_sizes=(96,),
        precision="fp32",
        sha256=sha256_of(path),
        opset=18,
    )
    write_manifest(manifest, path)
    return path
