"""Recipes: the paper's values, and a clear word on every mistake."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ioebss.errors import UsageError
from ioebss.trainer.networks import NetworkSpec
from ioebss.trainer.recipe import load_recipe, recipe_from, without_label_loss


def test_paper_to_the_letter() -> None:
    """513x513, Adam 1e-4, batch 4, r 5, 15 pairs, cross entropy + Label Loss, from scratch."""
    recipe = load_recipe("paper")
    assert recipe.network == NetworkSpec("deeplabv3plus", "resnet101", 5, 16, 256, 48, 256)
    assert recipe.pretrained is False
    assert (recipe.clicks.radius, recipe.clicks.pairs, recipe.clicks.rounds) == (5, 15, 1)
    assert (recipe.data.size, recipe.data.augment) == (513, False)
    assert recipe.data.paste == recipe.data.component == 0
    assert (recipe.clicks.later, recipe.clicks.coarse, recipe.clicks.elsewhere) == (0, 0, 0)
    terms = {name: weight for name, weight in asdict(recipe.loss).items() if weight}
    assert terms == {"cross_entropy": 1.0, "label": 1.0}
    options = recipe.optimisation
    assert (options.optimizer, options.learning_rate, options.weight_decay) == ("adam", 1e-4, 0)
    assert (options.batch, options.accumulate, options.schedule) == (4, 1, "constant")
    assert (options.ema, options.warmup, options.autocast) == (0, 0, "none")


def test_flag_without_label_loss_changes_nothing_else() -> None:
    paper = load_recipe("paper")
    without = without_label_loss(paper)
    assert without.loss.label == 0 and without.loss.cross_entropy == 1
    before, after = asdict(paper), asdict(without)
    before["loss"].pop("label")
    after["loss"].pop("label")
    assert before == after


def test_default_has_the_previous_mask_and_correction_clicks() -> None:
    recipe = load_recipe("default")
    assert recipe.network.in_channels == 6
    assert recipe.network.backbone.startswith("efficientnet_lite")
    assert recipe.pretrained and recipe.clicks.rounds > 1
    assert recipe.clicks.later > 0 and recipe.clicks.coarse > 0 and recipe.clicks.elsewhere > 0


def test_adapting_changes_how_and_not_what_is_learnt() -> None:
    default, adapt = load_recipe("default"), load_recipe("adapt")
    assert adapt.network == default.network
    assert adapt.clicks == default.clicks
    assert adapt.loss == default.loss
    assert adapt.data == replace(default.data, photos_per_epoch=0)
    assert not adapt.pretrained and adapt.start == "bundled"
    assert adapt.optimisation.learning_rate < default.optimisation.learning_rate / 2


@pytest.mark.parametrize("name", ["adapt", "paper", "default"])
def test_a_recipe_survives_its_checkpoint(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe_from(asdict(recipe)) == recipe


def test_overrides_replace_what_the_file_says() -> None:
    recipe = load_recipe(
        "paper",
        [
            "optimisation.batch=8",
            "optimisation.learning_rate=1",
            "network.backbone=resnet18",
            'optimisation.optimizer="adamw"',
            "seed = 7",
        ],
    )
    assert recipe.optimisation.batch == 8 and recipe.seed == 7
    assert recipe.optimisation.learning_rate == 1.0
    assert isinstance(recipe.optimisation.learning_rate, float)
    assert (recipe.network.backbone, recipe.optimisation.optimizer) == ("resnet18", "adamw")
    assert recipe.data.size == 513


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimisation.momentum=0.9", "unknown key optimisation.momentum.*learning_rate"),
        ("colour=1", "unknown key colour in.*network"),
        ("optimisation.batch=2.5", "optimisation.batch = 2.5.*int"),
        ("optimisation.batch=true", "optimisation.batch = True.*int"),
        ("data.augment=1", "data.augment = 1.*bool"),
        ("network=resnet18", "network"),
        ("optimisation.batch=0", "batch"),
        ("optimisation.optimizer=sgd", "adam"),
        ("data.paste=1.5", "paste"),
        ("data.size=16", "at least 32"),
        ("clicks.later=-1", "later = -1.*from 0"),
        ("clicks.later=1.5", "clicks.later = 1.5.*int"),
        ("clicks.coarse=1.5", "coarse = 1.5.*between 0 and 1"),
        ("clicks.elsewhere=-0.5", "elsewhere = -0.5.*between 0 and 1"),
        ("loss.normalised_focal=-1", "normalised_focal = -1.*from 0"),
        ("loss.boundary=inf", "boundary = inf.*from 0"),
        ("optimisation.batch", "section.key=value"),
        ("seed.x=1", "'seed'.*not a section"),
        ("pretrained.x=1", "pretrained = {'x': 1} in the recipe; expected bool"),
        ("start = elsewhere", "start = 'elsewhere'; a recipe may name 'bundled' alone"),
        ("seed=4294967296", "seed = 4294967296; it must be 0 to 4294967295"),
    ],
)
def test_a_wrong_override_says_what_is_wrong(override: str, message: str) -> None:
    overrides = ["seed=1", override] if override.startswith("seed.") else [override]
    with pytest.raises(UsageError, match=f"(?s){message}"):
        load_recipe("paper", overrides)


def test_a_loss_of_nothing_is_refused() -> None:
    only_label = load_recipe("paper", ["loss.cross_entropy=0"])
    with pytest.raises(UsageError, match="all weights of the loss are 0"):
        without_label_loss(only_label)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[clicks]\npairs = 3\n")
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.clicks.pairs) == ("mine", 3)


def test_no_such_recipe_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="adapt, convergence, default, dios, paper"):
        load_recipe("papre")


@pytest.mark.parametrize("content", [b"batch = ", b"\xff\xfe"])
def test_what_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a TOML file"):
        load_recipe(str(path))


@pytest.mark.parametrize("key", ["coarse", "elsewhere"])
def test_masks_that_are_fed_back_need_a_channel(key: str) -> None:
    with pytest.raises(UsageError, match="need a network with six channels"):
        load_recipe("paper", [f"clicks.{key}=0.1"])
