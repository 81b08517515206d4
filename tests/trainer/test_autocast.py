"""Half precision is used where the device computes in it, and float32 elsewhere."""

from __future__ import annotations

import logging

import pytest
import torch

from ioebss.trainer import autocast
from ioebss.trainer.autocast import autocast_dtype

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("choice", "dtype"), [("none", None), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_a_gpu_and_a_processor_that_can_do_as_the_recipe_says(
    choice: str,
    dtype: torch.dtype | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(autocast, "_onednn_has", lambda _: False)
    assert autocast_dtype(choice, GPU) == dtype
    monkeypatch.setattr(autocast, "_onednn_has", lambda asked: asked == dtype)
    assert autocast_dtype(choice, CPU) == dtype
    assert not caplog.messages


@pytest.mark.parametrize("choice", ["bf16", "fp16"])
def test_a_processor_that_cannot_computes_in_float32_and_says_so(
    choice: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(autocast, "_onednn_has", lambda _: False)
    with caplog.at_level(logging.WARNING, "ioebss"):
        assert autocast_dtype(choice, CPU) is None
    assert f"no fast {choice}: training in float32" in caplog.text


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_onednn_says_is_what_it_does(dtype: torch.dtype) -> None:
    """Its own log names the kernels that run: where half precision is not oneDNN's, it has none."""
    convolution = torch.nn.Conv2d(8, 8, 3).to(dtype)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        convolution(torch.ones(1, 8, 16, 16, dtype=dtype))
    kernels = {event.key for event in profile.key_averages()}
    assert ("aten::mkldnn_convolution" in kernels) == autocast._onednn_has(dtype)
