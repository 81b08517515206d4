"""The rounds of an iteration, seen by a network that writes down what it is given; and where a
run's weights begin. The network is tiny, so that whole runs take a moment."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ioebss.errors import DataError, DeviceMemoryError, ModelError, UsageError
from ioebss.export.graph import export_graph
from ioebss.manifest import CHANNELS, Manifest, sha256_of, write_manifest
from ioebss.progress import Progress
from ioebss.trainer import checkpoint, loop, model
from ioebss.trainer.distributed import World
from ioebss.trainer.loop import Trainer
from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks import NetworkSpec
from ioebss.trainer.recipe import Recipe, load_recipe


@dataclass
class Call:
    training: bool
    gradient: bool
    inputs: Tensor
    probability: Tensor


class TinyNetwork(nn.Sequential):
    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(
            nn.Conv2d(spec.in_channels, 4, 5, padding=2),
            nn.BatchNorm2d(4),
            nn.Dropout(0.2),
            nn.Conv2d(4, 2, 3, padding=1),
        )
        self.calls: list[Call] = []

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = super().forward(x)
        if not torch.is_inference_mode_enabled():  # validation is not of interest
            probability = scores.detach().softmax(1)[:, 1]
            self.calls.append(Call(self.training, scores.requires_grad, x.detach(), probability))
        return scores


@pytest.fixture
def recipe(tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(model, "build_network", TinyNetwork)
    overrides = ["optimisation.epochs=1", "data.photos_per_epoch=36", "data.paste=0"]
    return load_recipe(str(tiny_recipe), [*overrides, "loss.label=0", "clicks.later=2"])


def iterations(trainer: Trainer) -> list[list[Call]]:
    """The network's calls, iteration by iteration: of one iteration all show the same photos."""
    groups: list[list[Call]] = []
    for call in trainer.learner.model.network.calls:
        if not groups or not torch.equal(groups[-1][0].inputs[:, :3], call.inputs[:, :3]):
            groups.append([])
        groups[-1].append(call)
    return groups


def test_rounds_without_training_come_before_those_that_train(recipe: Recipe, make_trainer) -> None:
    trainer = make_trainer(recipe)
    trainer.run()
    groups = iterations(trainer)
    assert len(groups) == 18  # of two photos each
    before = set()
    for group in groups:
        untrained = len(group) - 2  # two rounds train
        assert [call.training for call in group] == [False] * untrained + [True] * 2
        assert [call.gradient for call in group] == [False] * untrained + [True] * 2
        before.add(untrained)
    assert before == {0, 1, 2}
    assert trainer.learner.updates == trainer.schedule.total_updates == 18 * 2


def test_each_round_is_fed_the_mask_of_the_one_before_and_another_click(
    recipe: Recipe, make_trainer
) -> None:
    trainer = make_trainer(recipe)
    trainer.run()
    for group in iterations(trainer):
        assert not group[0].inputs[:, 5].any()
        for earlier, later in pairwise(group):
            torch.testing.assert_close(later.inputs[:, 5], earlier.probability)
            grown = later.inputs[:, 3:5] - earlier.inputs[:, 3:5]
            assert grown.min() == 0 and grown.max() == 1


def test_coarse_rounds_and_starting_masks_follow_the_recipe(recipe: Recipe, make_trainer) -> None:
    clicks = replace(recipe.clicks, coarse=1.0, elsewhere=1.0)
    trainer = make_trainer(replace(recipe, clicks=clicks))
    trainer.run()
    for group in iterations(trainer):
        first = group[0].inputs
        assert set(first[:, 5].unique().tolist()) == {0, 1}
        for earlier, later in pairwise(group):
            assert torch.equal(later.inputs[:, 3:5], first[:, 3:5]), "no clicks are added"
            difference = (later.inputs[:, 5] - earlier.probability).abs()
            assert 0 < difference.max() < 1


# -- the start -------------------------------------------------------------------------------------


def parameters(trainer: Trainer) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in trainer.learner.model.named_parameters()}


def test_a_start_gives_its_weights_and_is_written_down(
    recipe: Recipe, make_trainer, tmp_path: Path
) -> None:
    first = make_trainer(replace(recipe, seed=1), "first")
    first.run()
    saved, described = checkpoint.load(tmp_path / "first", checkpoint.WEIGHTS)
    second = make_trainer(recipe, "second", tmp_path / "first")
    for tensors in (second.learner.model.state_dict(), second.learner.average.tensors):
        assert tensors.keys() == saved.keys()
        assert all(torch.equal(tensors[k], saved[k]) for k in saved)
    second.run()
    for kind in (checkpoint.WEIGHTS, checkpoint.CHECKPOINT):
        _, state = checkpoint.load(tmp_path / "second", kind)
        assert state["start"] == {
            "run": "first",
            "recipe": described["recipe"],
            "photos_seen": 36,
            "updates": 36,
            "start": None,
        }
    third = make_trainer(recipe, "third", tmp_path / "second")
    assert third.learner.start["run"] == "second" and third.learner.start["start"]["run"] == "first"


def test_a_run_begins_with_an_exported_model(recipe: Recipe, make_trainer, tmp_path: Path) -> None:
    first = make_trainer(replace(recipe, seed=1), "first")
    first.run()
    path = tmp_path / "first.onnx"
    export_graph(first.learner.model.eval(), path, None)
    values = ("first", "tiny", CHANNELS, 5, 16, (32,), "fp32", sha256_of(path), 18)
    write_manifest(Manifest(*values, training={"photos_seen": 36, "updates": 36}), path)
    second = make_trainer(recipe, "second", path)
    x = first.learner.model.network.calls[-1].inputs[:1]
    with torch.no_grad():
        expected, actual = (t.learner.model.network.eval()(x) for t in (first, second))
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)
    second.run()
    _, state = checkpoint.load(tmp_path / "second", checkpoint.WEIGHTS)
    assert state["start"]["run"] == "first" and state["start"]["sha256"] == sha256_of(path)


def test_a_run_without_start_says_so(recipe: Recipe, make_trainer, tmp_path: Path) -> None:
    make_trainer(recipe).run()
    assert json.loads((tmp_path / "run" / "weights.json").read_text())["start"] is None


def test_a_resumed_run_does_not_start_anew(recipe: Recipe, make_trainer, tmp_path: Path) -> None:
    make_trainer(replace(recipe, seed=1), "first").run()
    begun = make_trainer(recipe, "second", tmp_path / "first")
    begun.run()
    (tmp_path / "first" / "weights.json").unlink()  # it is no longer needed
    longer = replace(recipe, optimisation=replace(recipe.optimisation, epochs=2))
    resumed = make_trainer(longer, "second", tmp_path / "first")
    expected = parameters(begun)
    assert all(torch.equal(v, expected[k]) for k, v in parameters(resumed).items())
    assert resumed.learner.start["run"] == "first" and resumed.learner.epoch == 1


def test_a_run_goes_on_with_its_own_data_only(
    recipe: Recipe, make_trainer, drawn_scenes, tmp_path: Path
) -> None:
    make_trainer(recipe).run()
    here, quiet = World(0, 1, torch.device("cpu")), Progress(quiet=True)
    others = drawn_scenes(6), drawn_scenes(2)
    with pytest.raises(
        UsageError, match="run holds a run on drawn; go on with the same --data and lists"
    ):
        Trainer(recipe, *others, tmp_path / "run", here, quiet, ["painted"], workers=0)


def test_a_start_of_another_network_is_refused(
    recipe: Recipe, make_trainer, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    smaller = ClickModel(replace(recipe.network, in_channels=5)).state_dict()
    checkpoint.save(folder, checkpoint.WEIGHTS, 1, smaller, {})
    reason = r"other holds the weights of another network: size mismatch for network\.0\.weight"
    with pytest.raises(ModelError, match=reason):
        make_trainer(recipe, start=folder)
    larger = {f"network.more{i}.weight": torch.zeros(1) for i in range(500)}
    larger |= ClickModel(recipe.network).state_dict()
    checkpoint.save(folder, checkpoint.WEIGHTS, 1, larger, {})
    with pytest.raises(ModelError, match="another network: Unexpected") as caught:
        make_trainer(recipe, start=folder)
    assert len(str(caught.value)) < len(str(tmp_path)) + 400, "not a list of 500 names"


@pytest.mark.parametrize(("pairs", "best"), [(2, 2), (0, 3)])
def test_weights_are_chosen_by_the_clicks_that_are_trained_on(
    recipe: Recipe,
    make_trainer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pairs: int,
    best: int,
) -> None:
    with_pairs, after_three = iter([0.3, 0.6, 0.5]), iter([0.4, 0.4, 0.7])
    monkeypatch.setattr(loop, "validate_pairs", lambda *_: next(with_pairs))
    monkeypatch.setattr(loop, "validate", lambda *_: [0.9, 0.9, next(after_three)])
    clicks = replace(recipe.clicks, pairs=pairs, later=0)
    optimisation = replace(recipe.optimisation, epochs=3)
    make_trainer(replace(recipe, clicks=clicks, optimisation=optimisation)).run()
    state = json.loads((tmp_path / "run" / "weights.json").read_text())
    assert state["validation"]["epoch"] == best


def test_a_loss_that_is_no_number_ends_the_run(
    recipe: Recipe, make_trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(recipe)
    losses = iter([1.0, 1.0, math.nan])  # two rounds of the first iteration, one of the second
    iteration = trainer._iteration
    backward = iteration._backward

    def spoiled(state, weight: float) -> tuple[Tensor, Tensor]:
        loss, probability = backward(state, weight)
        return loss * next(losses, 1.0), probability

    monkeypatch.setattr(iteration, "_backward", spoiled)
    with pytest.raises(ModelError, match="the loss is nan at epoch 1, iteration 2"):
        trainer.run()
    assert not (tmp_path / "run" / "weights.json").exists()


def test_a_gpu_without_memory_is_said_so(
    recipe: Recipe, make_trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(recipe)

    def full(state, weight: float) -> tuple[Tensor, Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(trainer._iteration, "_backward", full)
    with pytest.raises(DeviceMemoryError, match=r"set a smaller optimisation\.batch"):
        trainer.run()


def test_nothing_to_validate_on_is_refused(recipe: Recipe, drawn_scenes, tmp_path: Path) -> None:
    """Every epoch would have an IoU of 0, and the first one's weights were kept for the best."""
    here, quiet = World(0, 1, torch.device("cpu")), Progress(quiet=True)
    train, val = drawn_scenes(4), drawn_scenes(2)
    val.scenes = [replace(scene, labels=scene.labels * 0) for scene in val.scenes]
    with pytest.raises(DataError, match="no photo to validate on has an object"):
        Trainer(recipe, train, val, tmp_path, here, quiet, ["drawn"], workers=0)
