"""How long runs are and how fast they learn: by hand, and against PyTorch's own schedulers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ioebss.trainer.recipe import Recipe, load_recipe
from ioebss.trainer.schedule import Schedule


def recipe(**optimisation: object) -> Recipe:
    paper = load_recipe("paper")
    return replace(paper, optimisation=replace(paper.optimisation, **optimisation))


def test_the_papers_run_is_95_000_iterations_of_four() -> None:
    """36 epochs of the 10,582 photos of VOC 2012 with SBD, in whole batches."""
    schedule = Schedule(load_recipe("paper"), 10_582, 1)
    assert schedule.photos_per_iteration == 4
    assert schedule.iterations_per_epoch == 2645
    assert schedule.photos_per_epoch == 10_580
    assert schedule.total_updates == 95_220
    assert {schedule.learning_rate(n) for n in (0, 50_000, 95_219)} == {1e-4}


@pytest.mark.parametrize(
    ("photos", "wanted", "processes", "accumulate", "iterations"),
    [
        (100, 0, 1, 1, 25),
        (100, 0, 2, 3, 4),
        (100, 60, 1, 1, 15),
        (10, 60, 1, 1, 15),
        (3, 0, 1, 1, 1),
    ],
)
def test_iterations_of_an_epoch(
    photos: int, wanted: int, processes: int, accumulate: int, iterations: int
) -> None:
    """Batches of 4; `wanted` is `photos_per_epoch`, which may be more than there are."""
    options = recipe(accumulate=accumulate, epochs=2)
    chosen = replace(
        options,
        data=replace(options.data, photos_per_epoch=wanted),
        clicks=replace(options.clicks, rounds=3),
    )
    schedule = Schedule(chosen, photos, processes)
    assert schedule.iterations_per_epoch == iterations
    assert schedule.total_updates == iterations * 2 * 3


def test_rates_are_those_of_torchs_cosine_annealing_after_a_linear_warmup() -> None:
    schedule = Schedule(recipe(schedule="cosine", epochs=5, learning_rate=0.3), 80, 1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    for update in range(101):
        assert schedule.learning_rate(update) == pytest.approx(annealing.get_last_lr()[0], abs=1e-9)
        warmed = replace(schedule, recipe=recipe(schedule="cosine", epochs=5, warmup=9))
        share = min(1.0, (update + 1) / 10)
        expected = share * schedule.learning_rate(update) * 1e-4 / 0.3
        assert warmed.learning_rate(update) == pytest.approx(expected, abs=1e-12)
        optimizer.step()
        annealing.step()
    assert schedule.learning_rate(100) == pytest.approx(0, abs=1e-12)
    assert schedule.learning_rate(500) == pytest.approx(0, abs=1e-12), "a run that was shortened"
