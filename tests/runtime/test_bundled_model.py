"""The model that comes with IOEBSS, on the photograph of the README."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ioebss import Segmenter
from ioebss.segmenter import BUNDLED, BUNDLED_INT8

# The cat of chelsea.jpg, outlined by eye on the photograph; good to some pixels.
CAT = [
    (40, 0), (36, 63), (9, 142), (13, 213), (36, 299), (239, 299), (248, 284), (243, 272),
    (270, 260), (293, 237), (311, 244), (334, 213), (347, 189), (361, 158), (361, 110),
    (356, 79), (365, 55), (392, 3),
]  # fmt: skip


@pytest.fixture(scope="module", params=[BUNDLED, BUNDLED_INT8], ids=["fp32", "int8"])
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    return Segmenter(request.param, precision="exact")


def test_the_cat(segmenter: Segmenter, samples: Path) -> None:
    truth = np.zeros((300, 451), np.uint8)
    cv2.fillPoly(truth, [np.array(CAT)], 1)
    session = segmenter.open(samples / "chelsea.jpg")
    session.click(230, 110)
    mask = session.click(100, 290)
    union = np.count_nonzero(mask | (truth > 0))
    assert np.count_nonzero(mask & (truth > 0)) / union > 0.9


def test_background_clicks_take_away(segmenter: Segmenter, samples: Path) -> None:
    session = segmenter.open(samples / "coffee.jpg")
    before = session.click(300, 200)
    assert before[200, 300]
    ys, xs = np.nonzero(before)
    farthest = np.hypot(xs - 300, ys - 200).argmax()
    x, y = int(xs[farthest]), int(ys[farthest])
    after = session.click(x, y, 0)
    assert not after[y, x]
    assert after[200, 300]
    assert np.count_nonzero(before & ~after) > 30  # and what is around it


def averaged(training: dict[str, Any]) -> list[dict[str, Any]]:
    """The training of each run that a mean, perhaps of means, is made of."""
    parts = training.get("averaged")
    if parts is None:
        return [training]
    return [run for part in parts for run in averaged(part["training"])]


def test_it_is_what_its_manifest_says() -> None:
    manifest = Segmenter(precision="exact").manifest
    assert manifest.name == "default"
    assert BUNDLED.stat().st_size <= 30 * 1024 * 1024
    assert {m["split"] for m in manifest.metrics} == {"test_voc", "test_coco", "test"}
    assert manifest.zoom and all(m["zoom"] == asdict(manifest.zoom) for m in manifest.metrics)
    runs = averaged(manifest.training)
    assert len(runs) == 4
    for training in runs:
        assert training["proof"]["logit"] < 1e-3  # against PyTorch
        assert training["proof"]["pixels"] < 1e-4
        assert "/" not in str(training["data"])


def test_the_8_bit_model_is_made_of_the_other() -> None:
    manifest = Segmenter(BUNDLED_INT8).manifest
    assert manifest.name == "default-int8" and manifest.precision == "int8"
    assert manifest.training["quantisation"]["from"] == Segmenter(precision="exact").manifest.sha256
    assert manifest.training["proof"]["mean_iou"] > 0.97
    assert manifest.zoom == Segmenter(precision="exact").manifest.zoom
