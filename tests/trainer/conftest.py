"""Tiny data sets and recipes, drawn on the fly."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import Scene
from ioebss.trainer.distributed import World
from ioebss.trainer.loop import Trainer
from ioebss.trainer.recipe import Recipe

TINY_RECIPE = """
name = "tiny"

[network]
backbone = "efficientnet_lite0"
in_channels = 6
output_stride = 32
aspp_channels = 8
low_channels = 8
decoder_channels = 8

[clicks]
pairs = 0
rounds = 2

[data]
size = 32
augment = true
paste = 0.5
component = 0.5
photos_per_epoch = 16
validation_photos = 2

[loss]
soft_iou = 1.0

[optimisation]
optimizer = "adamw"
learning_rate = 1e-3
schedule = "cosine"
warmup = 3
batch = 2
epochs = 2
ema = 0.9
"""


@pytest.fixture(autouse=True, scope="session")
def few_threads() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def draw_scene(seed: int, width: int = 48, height: int = 40) -> Scene:
    """Two discs, one void row, on noise; colours follow the labels so that they can be learned."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((height, width), np.uint8)
    for label in (1, 2):
        centre = (int(rng.integers(10, width - 10)), int(rng.integers(10, height - 10)))
        cv2.circle(labels, centre, 8, label, -1)
    labels[0] = 255
    image = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
    image[labels == 1, 0] += 180
    image[labels == 2, 1] += 180
    return Scene(f"scene{seed}", image, labels)


class DrawnScenes:
    """A data set in memory."""

    def __init__(self, count: int, start: int = 0) -> None:
        self.scenes = [draw_scene(start + i) for i in range(count)]

    def __len__(self) -> int:
        return len(self.scenes)

    def scene(self, index: int) -> Scene:
        return self.scenes[index]


@pytest.fixture
def drawn_scenes() -> Callable[..., DrawnScenes]:
    return DrawnScenes


@pytest.fixture
def make_trainer(
    tmp_path: Path, drawn_scenes: Callable[..., DrawnScenes]
) -> Callable[..., Trainer]:
    def make(recipe: Recipe, name: str = "run", start: Path | None = None) -> Trainer:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        here, quiet = World(0, 1, torch.device("cpu")), Progress(quiet=True)
        data = drawn_scenes(6), drawn_scenes(2, start=6)
        return Trainer(recipe, *data, folder, here, quiet, ["drawn"], workers=0, start=start)

    return make


@pytest.fixture
def write_voc() -> Callable[[Path], Path]:
    def write(root: Path, train: int = 6, val: int = 2) -> Path:
        for folder in ("JPEGImages", "SegmentationObject", "ImageSets/Segmentation"):
            (root / folder).mkdir(parents=True)
        names = []
        for i in range(train + val):
            scene = draw_scene(i)
            Image.fromarray(scene.image).save(root / "JPEGImages" / f"{scene.name}.png")
            mask = Image.fromarray(scene.labels).convert("P")
            mask.putdata(scene.labels.ravel().tolist())
            mask.save(root / "SegmentationObject" / f"{scene.name}.png")
            names.append(scene.name)
        lists = root / "ImageSets" / "Segmentation"
        (lists / "train.txt").write_text("\n".join(names[:train]) + "\n")
        (lists / "val.txt").write_text("\n".join(names[train:]) + "\n")
        return root

    return write


@pytest.fixture
def tiny_recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_RECIPE)
    return path


@pytest.fixture
def child_environment() -> dict[str, str]:
    """For processes whose results are compared: one thread, so that sums have one order."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
