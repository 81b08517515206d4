"""A tiny trained run, made without training: random weights, saved as the trainer saves them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from ioebss.export.verify import photos_in
from ioebss.image_files import read_photo
from ioebss.resampling import photo_to_network
from ioebss.trainer import checkpoint
from ioebss.trainer.model import ClickModel, foreground_logits
from ioebss.trainer.recipe import Recipe, recipe_from

TINY = {
    "name": "tiny",
    "network": {
        "backbone": "efficientnet_lite0",
        "in_channels": 6,
        "aspp_channels": 16,
        "low_channels": 8,
        "decoder_channels": 16,
    },
    "data": {"size": 64},
}


def save_run(folder: Path, recipe: Recipe) -> Path:
    torch.manual_seed(0)
    model = ClickModel(recipe.network)
    # Scores as large as a trained model's; random ones would differ by less than any threshold.
    with torch.no_grad():
        photo = torch.from_numpy(photo_to_network(read_photo(photos_in(None)[0]), 64, 64))
        planes = torch.zeros(recipe.network.in_channels - 3, 64, 64)
        scores = model.eval()(torch.cat([photo, planes])[None])
        classifier = model.network.classifier
        classifier.weight *= 3 / foreground_logits(scores).std()
        classifier.bias.zero_()
    state = {
        "recipe": asdict(recipe),
        "data": ["nothing"],
        "photos_seen": 0,
        "updates": 0,
        "validation": {},
    }
    folder.mkdir()
    checkpoint.save(folder, checkpoint.WEIGHTS, 0, model.state_dict(), state)
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("runs") / "run", recipe_from(TINY))
