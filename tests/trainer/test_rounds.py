"""Correction clicks between two network calls."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ioebss.trainer.rounds import RoundState, coarsened

SIZE, RADIUS = 32, 3
CPU = torch.device("cpu")


def batch(seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(2, SIZE, SIZE, dtype=torch.bool)
    mask[:, 8:24, 6:20] = True
    return {
        "image": torch.randint(0, 256, (2, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator),
        "planes": torch.zeros(2, 2, SIZE, SIZE, dtype=torch.uint8),
        "mask": mask,
        "void": torch.rand(2, SIZE, SIZE, generator=generator) < 0.1,
        "previous": torch.zeros(2, SIZE, SIZE, dtype=torch.bool),
        "position": torch.tensor([4, 9]),
    }


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), rounds=st.integers(1, 4))
def test_a_click_lies_in_the_error_and_planes_only_grow(seed: int, rounds: int) -> None:
    state = RoundState.start(batch(seed), CPU)
    rng = np.random.default_rng(seed)
    axis = np.arange(SIZE)
    for number in range(rounds):
        before = state.planes.clone()
        left, top = rng.integers(0, 20, 2)
        probability = torch.rand(2, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)) * 0.4
        probability[:, top : top + 12, left : left + 12] += 0.6
        state.add_corrections(probability, RADIUS, (seed % 1000, 0, number))
        assert torch.all(state.planes >= before)
        for i in range(2):
            predicted = probability[i] > 0.5
            wrong = {
                0: state.mask[i] & ~predicted & ~state.void[i],
                1: ~state.mask[i] & predicted & ~state.void[i],
            }
            # Some pixel of the error explains the plane: the disc around it, and nothing else.
            explained = any(
                torch.equal(
                    state.planes[i, plane].bool(),
                    before[i, plane].bool()
                    | torch.from_numpy(np.hypot(axis[:, None] - y, axis - x) <= RADIUS),
                )
                and torch.equal(state.planes[i, 1 - plane], before[i, 1 - plane])
                for plane, region in wrong.items()
                for y, x in region.nonzero().tolist()
            )
            assert explained


def test_a_right_prediction_gets_no_click() -> None:
    state = RoundState.start(batch(0), CPU)
    state.add_corrections(state.mask.float(), RADIUS, (0, 0, 0))
    assert not state.planes.any()


def test_clicks_follow_from_seed_and_position() -> None:
    states = [RoundState.start(batch(0), CPU) for _ in range(3)]
    nothing = torch.zeros(2, SIZE, SIZE)
    for state, seed in zip(states, ((0, 0, 0), (0, 0, 0), (0, 0, 1)), strict=True):
        state.add_corrections(nothing, RADIUS, seed)
    assert torch.equal(states[0].planes, states[1].planes)
    assert not torch.equal(states[0].planes, states[2].planes)
    assert not torch.equal(states[0].planes[0], states[0].planes[1])


def test_inputs_are_colours_planes_and_the_fed_back_mask() -> None:
    state = RoundState.start(batch(1), CPU)
    first = state.inputs(6)
    assert first.shape == (2, 6, SIZE, SIZE) and first.dtype == torch.float32
    assert torch.equal(first[:, :3], state.image.float()) and not first[:, 5].any()
    probability = torch.rand(2, SIZE, SIZE)
    state.add_corrections(probability, RADIUS, (0, 0, 0))
    second = state.inputs(6)
    assert torch.equal(second[:, 5], probability)
    assert torch.equal(second[:, 3:5], state.planes.float()) and state.planes.any()
    assert torch.equal(state.inputs(5), second[:, :5])


def test_the_mask_that_samples_start_from_is_fed_in() -> None:
    begun = batch(2)
    begun["previous"][1, 4:9, 3:30] = True
    inputs = RoundState.start(begun, CPU).inputs(6)
    assert torch.equal(inputs[:, 5], begun["previous"].float())


def averaging(small: int) -> np.ndarray:
    """Each of `small` equal cells of a row is the mean of what it covers: (small, SIZE)."""
    edges = np.arange(small + 1) * SIZE / small
    pixels = np.arange(SIZE)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return covered.clip(0) * small / SIZE


def interpolation(small: int) -> np.ndarray:
    """Linear between the centres of the cells, constant beyond the last: (SIZE, small)."""
    centres = (np.arange(small) + 0.5) * SIZE / small
    rows = [np.interp(np.arange(SIZE) + 0.5, centres, unit) for unit in np.eye(small)]
    return np.array(rows).T


def resolution_of(coarse: np.ndarray, fine: np.ndarray) -> int | None:
    """At which side the fine mask was predicted to look like that; None: at none."""
    for small in range(1, SIZE):
        matrix = interpolation(small) @ averaging(small)
        if np.abs(matrix @ fine @ matrix.T - coarse).max() < 1e-5:
            return small
    return None


def test_a_coarse_mask_is_one_of_a_half_to_an_eighth_of_the_resolution() -> None:
    sides = []
    for seed in range(20):
        state = RoundState.start(batch(seed), CPU)
        fine = torch.rand(2, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
        before = fine.clone()
        state.add_corrections(fine, RADIUS, (seed, 0, 0), coarse=1.0)
        assert not state.planes.any(), "a coarse round brings no click"
        assert torch.equal(fine, before), "the prediction given stays as it is"
        sides += [resolution_of(state.previous[i, 0].numpy(), fine[i].numpy()) for i in range(2)]
    assert None not in sides
    assert SIZE // 8 <= min(sides) <= SIZE // 6 and SIZE // 3 <= max(sides) <= SIZE // 2


def test_a_round_brings_a_click_or_a_coarse_mask() -> None:
    fine = torch.rand(2, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    coarse_rounds = 0
    for seed in range(100):
        state = RoundState.start(batch(0), CPU)
        state.add_corrections(fine, RADIUS, (seed, 0, 0), coarse=0.25)
        for i in range(2):
            clicked = bool(state.planes[i].any())
            assert clicked == torch.equal(state.previous[i, 0], fine[i])
            coarse_rounds += not clicked
    assert 30 <= coarse_rounds <= 70  # 50 of 200 expected, 6 the standard deviation


@pytest.mark.parametrize("side", [32, 48, 256, 320])
def test_coarse_is_opencv_down_and_up(side: int) -> None:
    sides = [s for s in (2, side // 8, side // 5, side // 3 + 1, side // 2) if s > 1]
    fine = torch.rand(len(sides), side, side, generator=torch.Generator().manual_seed(side))
    found = coarsened(fine, torch.tensor(sides)).numpy()
    for image, small, ours in zip(fine.numpy(), sides, found, strict=True):
        down = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        up = cv2.resize(down, (side, side), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(ours, up, rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [32, 256, 320])
def test_a_whole_mask_stays_one(side: int) -> None:
    sides = torch.arange(2, side // 2 + 1)
    whole = coarsened(torch.ones(len(sides), side, side), sides)
    assert (whole - 1).abs().max() < 1e-7  # rounded once, to float32
