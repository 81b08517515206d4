"""`ioebss-bench all`: every table and figure of the paper in one run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

from ioebss.atomic import make_folder
from ioebss.errors import DataError, MissingExtraError
from ioebss.evaluation.convergence import RECIPE, SEEDS, Lists, run_convergence
from ioebss.evaluation.everything import (
    ACCURACY,
    CONVERGENCE,
    FULL,
    ORDER,
    QUICK,
    SPEED,
    Accuracies,
    write_document,
)
from ioebss.evaluation.failures import Failures
from ioebss.evaluation.options import (
    add_jobs,
    add_methods,
    add_out,
    add_pictures,
    candidates_of,
    check_pictures,
    check_positive,
    typed,
)
from ioebss.evaluation.speed_cli import SAMPLE, time_all
from ioebss.evaluation.speed_subjects import SpeedPlan, line_up
from ioebss.image_files import read_photo
from ioebss.progress import Progress
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.scene import MIN_AREA
from ioebss.trainer.options import add_data

DESCRIPTION = (
    "All tables and figures: accuracy by every protocol on every list, speed, and convergence; "
    "OUT/results.md puts them together. It takes hours; --quick takes minutes."
)
NOTHING_LEARNT = (
    " So short a training shows that it runs, not what it learns: IoU stays at or near 0."
)
# A quick look at the learning: whether it runs, not what it shows.
QUICK_RECIPE = ["data.photos_per_epoch=16", "data.validation_photos=8", "optimisation.epochs=3"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_data(parser, ", see docs/benchmarks.md")
    parser.add_argument("--split", action="append", help="list to measure on, repeatable (val)")
    default_threads = "1 for accuracy, as each engine chooses for speed"
    add_methods(parser, "ioebss,ioebss-int8,classical", default_threads)
    add_out(parser)
    add_pictures(parser)
    add_jobs(parser)
    parser.add_argument(
        "--quick", action="store_true", help="20 photographs, few repetitions: minutes"
    )
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"objects of each list for all methods ({FULL.objects}, or {QUICK.objects}); our own "
        "models are measured on all of them as well, unless --quick",
    )

    parser.add_argument(
        "--skip",
        choices=ORDER,
        action="append",
        default=[],
        help="leave a part out; repeatable",
    )
    parser.add_argument(
        "--train-split", default="train", help="list that convergence learns from (%(default)s)"
    )
    parser.add_argument(
        "--val-split", default="val", help="list that convergence is validated on (%(default)s)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints, writes and draws."""
    check_positive(arguments, "limit", "jobs", "threads")
    check_pictures()
    extent = QUICK if arguments.quick else FULL
    if arguments.limit:
        extent = replace(extent, objects=arguments.limit)
    candidates = candidates_of(arguments, untyped_threads=1)
    progress = Progress()
    accuracies = Accuracies(
        arguments.out,
        tuple(arguments.data),
        candidates,
        extent,
        arguments.jobs,
        arguments.photos,
        typed(),
        progress,
    )

    splits = [] if ACCURACY in arguments.skip else arguments.split or ["val"]
    # All are opened at once: a wrong name is said before hours of another list.
    datasets = {split: open_dataset(arguments.data, split) for split in splits}
    speed = learning = None
    failures = Failures()
    if SPEED not in arguments.skip:
        speed = prepare_speed(arguments, extent.speed, progress, failures)
    if CONVERGENCE not in arguments.skip:
        learning = prepare_convergence(arguments, QUICK_RECIPE if arguments.quick else [])

    def accuracy(split: str) -> str:
        return "\n".join(accuracies.of_split(split, datasets[split], MIN_AREA))

    parts: dict[str, Callable[[], str]] = {
        f"{ACCURACY}-{quote(split, safe='')}": partial(accuracy, split) for split in splits
    }
    if speed is not None:
        parts[SPEED] = speed
    if learning is not None:
        parts[CONVERGENCE] = learning
    print(write_document(arguments.out, parts))
    failures.raise_any()


def prepare_speed(
    arguments: argparse.Namespace, plan: SpeedPlan, progress: Progress, failures: Failures
) -> Callable[[], str]:
    """What times the methods and returns Markdown; whatever would keep it from that is found now.
    What fails later is told to `failures`.

    Raises:
        UsageError: a model does not take a size of the plan.
        IoebssError: whatever opening a method raises.
    """
    photo = read_photo(SAMPLE)
    chosen = line_up(plan, candidates_of(arguments), photo, f"leave speed out: --skip {SPEED}")
    folder = arguments.out / SPEED
    return lambda: time_all(folder, plan, chosen, photo, {}, [], progress, failures)


def prepare_convergence(arguments: argparse.Namespace, overrides: list[str]) -> Callable[[], str]:
    """What trains with and without Label Loss and returns Markdown; whatever would keep it from
    that is found now.

    Raises:
        MissingExtraError: the trainer's libraries are not installed.
        DataError: there are no such lists.
    """
    train, val = arguments.train_split, arguments.val_split
    try:
        from ioebss.trainer.recipe import load_recipe

        for split in (train, val):
            open_dataset(arguments.data, split)
    except ImportError as error:
        raise MissingExtraError(
            f'training needs more than the runtime ({error}); pip install "ioebss[train]", '
            f"or leave it out: --skip {CONVERGENCE}"
        ) from None
    except DataError as error:
        raise DataError(f"{error}; or leave training out: --skip {CONVERGENCE}") from None
    recipe = load_recipe(RECIPE, overrides)
    lists = Lists(tuple(arguments.data), train, val)
    seeds = SEEDS[:1] if arguments.quick else SEEDS

    def learn() -> str:
        folder = arguments.out / CONVERGENCE
        make_folder(folder)
        run_convergence(recipe, lists, folder, seeds, Progress())
        table = (folder / "convergence.md").read_text("utf-8")
        heading = f"## Convergence with and without Label Loss\n\nRecipe {recipe.name}"
        heading += f" ({', '.join(overrides)})" if overrides else ""
        heading += f", seeds {', '.join(map(str, seeds))}."
        heading += NOTHING_LEARNT if overrides else ""
        picture = f"![{CONVERGENCE}]({CONVERGENCE}/convergence.png)"
        return f"{heading}\n\n{table}\n{picture}\n"

    return learn
