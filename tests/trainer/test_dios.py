"""The recipe of DIOS: staged training of an FCN-8s on distance planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ioebss.errors import UsageError
from ioebss.progress import Progress
from ioebss.trainer.distributed import World
from ioebss.trainer.loop import Trainer
from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks.fcn8s import FCN8s
from ioebss.trainer.recipe import Recipe, load_recipe, without_label_loss
from ioebss.trainer.samples import ClickSamples
from ioebss.trainer.stages import held_back, stage_of

SMALL = (
    "network.width=0.03",
    "data.size=64",
    "data.photos_per_epoch=4",
    "data.validation_photos=2",
    "optimisation.batch=2",
    "optimisation.epochs=3",
)


def recipe(*overrides: str) -> Recipe:
    return load_recipe("dios", [*SMALL, *overrides])


def test_stages_take_a_third_each() -> None:
    long = recipe("optimisation.epochs=10")
    assert [stage_of(long, epoch) for epoch in range(10)] == [0] * 4 + [1] * 3 + [2] * 3
    direct = recipe("optimisation.staged=false")
    assert [stage_of(direct, epoch) for epoch in range(3)] == [2, 2, 2]


@pytest.mark.parametrize("staged", [True, False])
def test_skips_are_let_in_one_after_the_other(
    tmp_path: Path, drawn_scenes: Callable[..., object], staged: bool
) -> None:
    here = World(0, 1, torch.device("cpu"))
    scenes = drawn_scenes(4)
    chosen = recipe(f"optimisation.staged={str(staged).lower()}")
    trainer = Trainer(
        chosen, scenes, scenes, tmp_path, here, Progress(quiet=True), ["drawn"], workers=0
    )
    network = trainer.learner.model.network
    assert isinstance(network, FCN8s)
    moved = []
    for _ in range(3):
        before = {k: v.clone() for k, v in network.state_dict().items()}
        trainer._run_epoch()
        trainer._finish_epoch(trainer._validate())
        changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
        moved.append({name.split(".")[0] for name in changed})
    always = {"stages", "fc", "score32"}
    skips = [set(), {"score16", "up32"}, {"score16", "up32", "score8", "up16"}]
    assert moved == [always | skips[stage if staged else 2] for stage in range(3)]


def test_without_skips_it_is_an_fcn_32s() -> None:
    """Its answer is the coarsest score, enlarged bilinearly by 2, 2 and 8."""
    torch.manual_seed(0)
    network = FCN8s(5, width=0.03).eval()
    torch.nn.init.normal_(network.score32.weight)
    photo = torch.randn(1, 5, 64, 96)
    with torch.no_grad():
        x = photo
        for stage in network.stages:
            x = stage(x)
        scores = network.score32(network.fc(x))
        for _ in range(2):
            scores = F.conv_transpose2d(scores, network.up32.weight, stride=2, padding=1)
        expected = F.interpolate(scores, size=(64, 96), mode="bilinear", align_corners=False)
        torch.testing.assert_close(network(photo), expected)


def test_samples_hold_distances_of_dios_clicks(drawn_scenes: Callable[..., object]) -> None:
    samples = ClickSamples(drawn_scenes(4), recipe(), 0, 8)
    for position in range(8):
        sample = samples[position]
        positive, negative = sample["planes"].numpy()
        assert positive.dtype == np.float32 and positive.max() <= 255
        on = positive == 0
        assert 1 <= on.sum() <= 5 and sample["mask"].numpy()[on].all()
        assert not sample["mask"].numpy()[negative == 0].any()


def test_distances_are_normalised_as_colours_are() -> None:
    spec = recipe().network
    model = ClickModel(spec)
    inputs = torch.full((1, 5, 4, 4), 255.0)
    np.testing.assert_allclose((inputs * model.scale + model.shift).numpy(), 1.0)
    discs = ClickModel(replace(spec, planes="discs"))
    assert discs.scale[0, 3:].flatten().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss.label=1.0"], "Label Loss needs discs"),
        (["data.augment=true"], "data.augment = false"),
        (["clicks.sampling=dice"], "choose one of pairs, dios"),
        (["network.planes=rings"], "choose one of discs, distances"),
        (["network.width=0.0"], "fcn8s takes 0 to 1"),
        (["network.architecture=deeplabv3plus", "network.backbone=resnet18"], "network.width"),
        (
            ["network.architecture=deeplabv3plus", "network.backbone=resnet18", "network.width=1"],
            "staged is for fcn8s",
        ),
    ],
)
def test_what_does_not_go_together(overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recipe(*overrides)


def test_the_paper_trains_the_same_network_on_discs() -> None:
    """Table 4 has FCN-8s with and without Label Loss."""
    paper = load_recipe("paper", ["network.architecture=fcn8s", "network.backbone=vgg16"])
    assert paper.network.planes == "discs" and paper.loss.label and not paper.optimisation.staged
    assert without_label_loss(paper).loss.label == 0
    assert not held_back(ClickModel(replace(paper.network, width=0.03)), paper, 0)
