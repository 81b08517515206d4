"""Recipes: TOML files that say everything about a training run but where its data lies."""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from ioebss.click_planes import DISTANCES
from ioebss.errors import UsageError
from ioebss.manifest import MAX_RADIUS
from ioebss.planes import RADIUS
from ioebss.trainer.losses import LossWeights
from ioebss.trainer.networks import NetworkSpec
from ioebss.trainer.options import BUNDLED_MODEL

FOLDER = Path(__file__).parent / "recipes"
PAIRS, DIOS = "pairs", "dios"  # ways to draw the first clicks
MAX_SEED = 2**32 - 1  # seeds are multiplied, and torch takes 64 bits


@dataclass(frozen=True)
class ClickRecipe:
    """How clicks are simulated.

    Attributes:
        radius: of the discs, in pixels of the training size.
        sampling: of the first clicks: "pairs", or "dios" for the strategies of Xu et al. 2016.
        pairs: random foreground and background points of the first round (the paper's 15); 0 draws
            them as people start instead: mostly one click on the object, sometimes several.
        rounds: network calls per photo that train; each after the first adds a click at the error
            of the one before and feeds its mask back, where the network has the channel for it.
        later: in half of the batches, 1 to so many rounds (uniformly) without training before the
            first of them, so that later clicks are learnt too, and first ones not forgotten.
        coarse: probability that a round brings no click but the last mask made coarse, as it is
            when the runtime zooms in on the object.
        elsewhere: probability that a sample starts from a mask that is not the network's own.
    """

    radius: int = RADIUS
    sampling: str = PAIRS
    pairs: int = 15
    rounds: int = 1
    later: int = 0
    coarse: float = 0.0
    elsewhere: float = 0.0

    @property
    def draws_pairs(self) -> bool:
        """Whether the first clicks are the paper's random pairs."""
        return self.sampling == PAIRS and self.pairs > 0


@dataclass(frozen=True)
class DataRecipe:
    """How photos become samples.

    Attributes:
        size: side of the square samples in pixels.
        augment: random crops and colours; without, the photo is stretched and at most mirrored.
        paste: probability that another scene's object is pasted in, then a second, then a third.
        component: probability that an object in several pieces is narrowed to one of them.
        photos_per_epoch: 0 for all.
        validation_photos: at most so many photos of the validation split, one object each.
    """

    size: int = 513
    augment: bool = False
    paste: float = 0.0
    component: float = 0.0
    photos_per_epoch: int = 0
    validation_photos: int = 200


@dataclass(frozen=True)
class OptimisationRecipe:
    """How the weights are found.

    Attributes:
        optimizer: "adam" or "adamw".
        schedule: "constant" or "cosine" (to 0 over the whole run).
        warmup: optimizer updates over which the rate rises linearly.
        batch: photos per process and backward pass.
        accumulate: backward passes per update.
        ema: decay of the averaged weights that are validated and exported; 0 for none.
        autocast: "none", "bf16" or "fp16"; float32 on CPUs that have no fast arithmetic for it.
        staged: FCN-8s is trained as FCN-32s for a third of the epochs, as FCN-16s for another.
        frozen_blocks: the stem and so many blocks of an EfficientNet-Lite are not trained.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: int = 0
    batch: int = 4
    accumulate: int = 1
    epochs: int = 36
    ema: float = 0.0
    autocast: str = "none"
    staged: bool = False
    frozen_blocks: int = 0


@dataclass(frozen=True)
class Recipe:
    """A whole recipe.

    Attributes:
        pretrained: starts the backbone from ImageNet weights.
        start: "bundled" starts from the bundled model unless another start is named.
    """

    name: str
    seed: int = 0
    pretrained: bool = False
    start: str = ""
    network: NetworkSpec = field(default_factory=NetworkSpec)
    clicks: ClickRecipe = field(default_factory=ClickRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    loss: LossWeights = field(default_factory=LossWeights)
    optimisation: OptimisationRecipe = field(default_factory=OptimisationRecipe)

    def __post_init__(self) -> None:
        _check(self)


_CHOICES = {
    "sampling": (PAIRS, DIOS),
    "optimizer": ("adam", "adamw"),
    "schedule": ("constant", "cosine"),
    "autocast": ("none", "bf16", "fp16"),
}
_AT_LEAST_ONE = ("radius", "rounds", "batch", "accumulate", "epochs", "validation_photos")
_FRACTIONS = ("paste", "component", "ema", "coarse", "elsewhere")


def _check(recipe: Recipe) -> None:
    if not 0 <= recipe.seed <= MAX_SEED:
        raise UsageError(f"seed = {recipe.seed}; it must be 0 to {MAX_SEED}")
    if recipe.start not in ("", BUNDLED_MODEL):
        raise UsageError(
            f"start = {recipe.start!r}; a recipe may name {BUNDLED_MODEL!r} alone, others are "
            "named with --start"
        )
    if recipe.clicks.radius > MAX_RADIUS:
        raise UsageError(
            f"clicks.radius = {recipe.clicks.radius}; at most {MAX_RADIUS} is deployed"
        )
    for section in (recipe.clicks, recipe.data, recipe.loss, recipe.optimisation):
        for name, value in asdict(section).items():
            if name in _CHOICES and value not in _CHOICES[name]:
                raise UsageError(f"{name} = {value!r}; choose one of {', '.join(_CHOICES[name])}")
            if name in _AT_LEAST_ONE and value < 1:
                raise UsageError(f"{name} = {value}; it must be at least 1")
            if name in _FRACTIONS and not 0 <= value <= 1:
                raise UsageError(f"{name} = {value}; it must be between 0 and 1")
            if isinstance(value, int | float) and not 0 <= value < math.inf:
                raise UsageError(f"{name} = {value}; it must be a number from 0")
    if not any(asdict(recipe.loss).values()):
        raise UsageError("all weights of the loss are 0: nothing would be learnt")
    if recipe.network.in_channels < 6 and (recipe.clicks.coarse or recipe.clicks.elsewhere):
        raise UsageError("clicks.coarse and clicks.elsewhere need a network with six channels")
    if recipe.clicks.sampling == DIOS and recipe.data.augment:
        raise UsageError("clicks.sampling = dios clicks on other objects: set data.augment = false")
    if recipe.network.planes == DISTANCES and recipe.loss.label:
        raise UsageError("Label Loss needs discs: set loss.label = 0, or network.planes = discs")
    if recipe.optimisation.staged and recipe.network.architecture != "fcn8s":
        raise UsageError("optimisation.staged is for fcn8s: other networks have no such stages")
    if recipe.data.size < 32:
        raise UsageError(f"data.size = {recipe.data.size}; it must be at least 32")


def load_recipe(name_or_path: str, overrides: list[str] | None = None) -> Recipe:
    """A recipe by name (of `FOLDER`: "paper", "default") or path of a TOML file.

    Args:
        overrides: "section.key=value" or "key=value" with the value in TOML; they replace what the
            file says.

    Raises:
        UsageError: no such recipe, not TOML, an unknown key, or a value out of range.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
        raise UsageError(f"no recipe {name_or_path!r}; take {known}, or the path of a .toml file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a TOML file: {error}") from None
    for override in overrides or []:
        _apply(table, override)
    table.setdefault("name", path.stem)
    return recipe_from(table)


def _apply(table: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    if not equals or not key.strip():
        raise UsageError(f"{override!r} is no override; write section.key=value")
    *sections, leaf = key.strip().split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise UsageError(f"{section!r} in {override!r} is a value, not a section")
    table[leaf] = parsed


def recipe_from(table: dict[str, Any]) -> Recipe:
    """A recipe from its table, as TOML or JSON hold it.

    Raises:
        UsageError: an unknown key, a value of the wrong type, or out of range.
    """
    recipe: Recipe = _section(Recipe, "", table)
    return recipe


def _section(kind: Any, prefix: str, table: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    for key in table:
        if key not in hints:
            known = ", ".join(hints)
            raise UsageError(f"unknown key {prefix}{key} in the recipe; known: {known}")
    return kind(**{k: _value(hints[k], prefix + k, v) for k, v in table.items()})


def _value(kind: Any, key: str, value: Any) -> Any:
    if is_dataclass(kind) and isinstance(value, dict):
        return _section(kind, f"{key}.", value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{key} = {value!r} in the recipe; expected {kind.__name__}")
    return value


def without_label_loss(recipe: Recipe) -> Recipe:
    """The same recipe with cross entropy (and what else it has) but no Label Loss."""
    return replace(recipe, loss=replace(recipe.loss, label=0.0))
