"""Runs as the trainer saves them, made without training."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import ioebss
from ioebss.image_files import read_photo
from ioebss.resampling import photo_to_network
from ioebss.trainer import checkpoint
from ioebss.trainer.model import ClickModel
from ioebss.trainer.recipe import recipe_from

PHOTO = Path(ioebss.__file__).parent / "samples" / "chelsea.jpg"


def one_photo(folder: Path) -> Path:
    """A folder with `PHOTO` alone: an export proven on it takes seconds."""
    folder.mkdir()
    shutil.copy(PHOTO, folder)
    return folder


def save_run(folder: Path, table: dict[str, Any]) -> Path:
    """A run of a recipe with random weights, whose scores on `PHOTO` are large and half of them
    for the foreground."""
    recipe = recipe_from(table)
    torch.manual_seed(0)
    model = ClickModel(recipe.network).eval()
    network = model.network
    last = network.score32 if recipe.network.architecture == "fcn8s" else network.classifier
    torch.nn.init.normal_(last.weight)
    with torch.no_grad():
        inputs = torch.zeros(1, recipe.network.in_channels, 96, 96)
        inputs[0, :3] = torch.from_numpy(photo_to_network(read_photo(PHOTO), 96, 96))
        scores = model(inputs)
        last.weight *= 4 / (scores[:, 1] - scores[:, 0]).std()
        last.bias.zero_()
        difference = model(inputs).diff(dim=1)
        last.bias[1] -= difference.median()
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
