"""`ioebss-train`: trains a model by a recipe."""

from __future__ import annotations

import argparse
import math
from contextlib import nullcontext
from pathlib import Path

from ioebss.command import run_command
from ioebss.errors import MissingExtraError, UsageError
from ioebss.trainer.options import add_training_options, check_training_options, start_of
from ioebss.trainer.run_folder import locked

MAX_WEIGHT = 1000  # of a list
DESCRIPTION = "Train a click segmentation model. Interrupted runs resume with the same command."


def main() -> None:
    """Entry point."""
    run_command(_parser(), _train)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ioebss-train", description=DESCRIPTION)
    add_training_options(parser, "default")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--train-split",
        action="append",
        metavar="LIST[:WEIGHT]",
        help="list to train on (train); repeatable; a photo comes WEIGHT times as often (1)",
    )
    parser.add_argument("--val-split", default="val", help="list to validate on (val)")
    parser.add_argument(
        "--start",
        type=start_of,
        metavar="RUN|MODEL.onnx|bundled",
        help="begin with the weights of another run, of an exported model, or of the bundled one; "
        "all of the same network",
    )
    parser.add_argument("--no-label-loss", action="store_true", help="train without Label Loss")
    parser.add_argument(
        "--cache-gb",
        type=float,
        default=8.0,
        help="keep decoded photos in memory if they fit in so many GB (%(default)s), shared by the "
        "processes of a machine, and in half of what is free; 0 never",
    )
    return parser


def _train(arguments: argparse.Namespace) -> None:
    check_training_options(arguments)
    if not 0 <= arguments.cache_gb < math.inf:
        raise UsageError(f"--cache-gb {arguments.cache_gb}: it must be a number from 0")
    try:
        import matplotlib  # noqa: F401  (draws the log at the end of the first epoch)

        from ioebss.trainer.distributed import world
        from ioebss.trainer.loop import Trainer
        from ioebss.trainer.recipe import load_recipe, without_label_loss
    except ImportError as error:
        raise MissingExtraError(
            f'training needs more than the runtime ({error}); pip install "ioebss[train]"'
        ) from None
    from ioebss.progress import Progress
    from ioebss.trainer.datasets import described_data, open_dataset
    from ioebss.trainer.datasets.cache import cache_budget, cached
    from ioebss.trainer.datasets.scene import JoinedDataset, RepeatedDataset

    recipe = load_recipe(arguments.recipe, arguments.overrides)
    names = arguments.train_split or ["train"]
    splits = [_split(name) for name in names]
    if arguments.no_label_loss:
        recipe = without_label_loss(recipe)
    with world(arguments.device) as here:
        progress = Progress(quiet=not here.first)
        lists = [open_dataset(arguments.data, name) for name, _ in splits]
        counts = [
            weight
            for part, (_, weight) in zip(lists, splits, strict=True)
            for _ in range(len(part))
        ]
        val = open_dataset(arguments.data, arguments.val_split)
        described = [*zip(names, lists, strict=True), (arguments.val_split, val)]
        train = JoinedDataset(lists)
        with locked(arguments.out) if here.first else nullcontext():
            trainer = Trainer(
                recipe,
                RepeatedDataset(train, counts),
                val,
                arguments.out,
                here,
                progress,
                described_data(arguments.data, described),
                arguments.checkpoint_every,
                arguments.workers,
                arguments.start,
            )
            if not trainer.finished:
                # Minutes for a large data set: only now that nothing can be wrong with the command.
                decoded = cached(train, cache_budget(arguments.cache_gb), progress)
                trainer.train_scenes = RepeatedDataset(decoded, counts)
            trainer.run()


def _split(text: str) -> tuple[str, int]:
    """Name and weight of "LIST" or "LIST:WEIGHT"."""
    name, colon, weight = text.partition(":")
    if not colon:
        return name, 1
    if not weight.isdecimal() or len(weight) > 4 or not 1 <= int(weight) <= MAX_WEIGHT:
        raise UsageError(
            f"--train-split {text}: the weight must be a whole number from 1 to {MAX_WEIGHT}"
        )
    return name, int(weight)
