"""Layers that a recipe freezes stay as they are, statistics included, and cost no gradient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ioebss.errors import UsageError
from ioebss.trainer.frozen import freeze
from ioebss.trainer.loop import Trainer
from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks import NetworkSpec
from ioebss.trainer.recipe import load_recipe

MakeRun = Callable[..., Trainer]


@pytest.fixture
def make_run(tiny_recipe: Path, make_trainer: Callable[..., Trainer]) -> MakeRun:
    def make(frozen_blocks: int, epochs: int = 1) -> Trainer:
        overrides = [
            f"optimisation.frozen_blocks={frozen_blocks}",
            f"optimisation.epochs={epochs}",
            "data.photos_per_epoch=4",
        ]
        return make_trainer(load_recipe(str(tiny_recipe), overrides))

    return make


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_frozen_blocks_stay_as_they_are(make_run: MakeRun, blocks: int) -> None:
    trainer = make_run(blocks)
    state = trainer.learner.model.state_dict()
    before = {name: value.clone() for name, value in state.items()}
    frozen = {"stem", *(f"blocks.{block}" for block in range(blocks))} if blocks else set()
    trainer.run()
    averaged = trainer.learner.weights
    for now in (state, averaged):
        changed = {_layer(name) for name in state if not torch.equal(now[name], before[name])}
        assert changed == {_layer(name) for name in state} - frozen
    trained = {_layer(n) for n, p in trainer.learner.model.named_parameters() if p.requires_grad}
    assert trained == changed


def _layer(name: str) -> str:
    """The layer of a tensor: the stem, a block with its number, or a part behind the backbone."""
    parts = name.removeprefix("network.backbone.").split(".")
    return ".".join(parts[:2]) if parts[0] == "blocks" else parts[0]


def test_frozen_layers_stay_frozen_when_a_run_is_resumed(make_run: MakeRun) -> None:
    make_run(2).run()
    trainer = make_run(2, epochs=2)
    stem = trainer.learner.model.network.backbone.stem.state_dict()
    before = {name: value.clone() for name, value in stem.items()}
    trainer.run()
    assert trainer.learner.epoch == 2
    assert all(torch.equal(value, before[name]) for name, value in stem.items())


@pytest.mark.parametrize(
    ("spec", "blocks", "message"),
    [
        (NetworkSpec(backbone="efficientnet_lite0"), 17, "frozen_blocks = 17; the backbone has 16"),
        (NetworkSpec(backbone="resnet18"), 1, "for backbones of EfficientNet-Lite"),
        (NetworkSpec(architecture="fcn8s", backbone="vgg16", width=0.02), 1, "EfficientNet-Lite"),
    ],
)
def test_what_cannot_be_frozen_is_refused(spec: NetworkSpec, blocks: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        freeze(ClickModel(spec), blocks)


def test_it_is_refused_before_photos_are_read(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        pytest.fail("photos to validate on are read")

    monkeypatch.setattr("ioebss.trainer.loop.validation_targets", read)
    with pytest.raises(UsageError, match="frozen_blocks = 17"):
        make_run(17)
