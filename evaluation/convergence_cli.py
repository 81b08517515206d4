"""`ioebss-bench convergence`: training with and without Label Loss, the same seeds."""

from __future__ import annotations

import argparse

from ioebss.errors import MissingExtraError
from ioebss.evaluation.convergence import RECIPE, SEEDS, Lists, run_convergence
from ioebss.evaluation.options import add_out, check_pictures
from ioebss.progress import Progress
from ioebss.trainer.options import add_training_options, check_training_options

DESCRIPTION = (
    "Training with and without Label Loss: the same network, data and seeds; validation IoU "
    "against iterations (table 4 and figure 5 of the paper)."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_training_options(parser, RECIPE)
    add_out(parser)
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=list(SEEDS), metavar="N", help="(0 1 2)"
    )
    parser.add_argument("--train-split", default="train", metavar="LIST", help="(%(default)s)")
    parser.add_argument("--val-split", default="val", metavar="LIST", help="(%(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Trains, prints, writes and draws."""
    check_training_options(arguments)
    check_pictures()
    try:
        from ioebss.trainer.recipe import load_recipe
    except ImportError as error:
        raise MissingExtraError(
            f'training needs more than the runtime ({error}); pip install "ioebss[train]"'
        ) from None
    run_convergence(
        load_recipe(arguments.recipe, arguments.overrides),
        Lists(tuple(arguments.data), arguments.train_split, arguments.val_split),
        arguments.out,
        arguments.seeds,
        Progress(),
        arguments.device,
        arguments.workers,
        arguments.checkpoint_every,
    )
    print((arguments.out / "convergence.md").read_text("utf-8"), end="")
