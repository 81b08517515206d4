"""The hand-made gradients of depthwise convolutions against autograd's."""

from __future__ import annotations

import logging

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ioebss.trainer.networks import depthwise
from ioebss.trainer.networks.depthwise import DepthwiseConv2d

SHAPES = st.sampled_from([(3, 1, 1), (3, 2, 1), (5, 1, 1), (5, 2, 1)]) | st.tuples(
    st.sampled_from([3, 5]), st.just(1), st.integers(2, 9)
)


@settings(max_examples=60, deadline=None)
@given(
    shape=SHAPES,
    height=st.integers(1, 19),
    width=st.integers(1, 19),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_output_and_gradients_equal_autograd(
    shape: tuple[int, int, int], height: int, width: int, channels_last: bool, seed: int
) -> None:
    kernel, stride, dilation = shape
    torch.manual_seed(seed)
    layer = DepthwiseConv2d(3, kernel, stride, dilation).double().train()
    x = torch.randn(2, 3, height, width, dtype=torch.float64)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    x.requires_grad_()
    ours = layer(x)
    theirs = F.conv2d(
        x, layer.weight, None, stride, dilation * (kernel // 2), dilation, layer.weight.shape[0]
    )
    assert torch.equal(ours, theirs)
    direction = torch.randn_like(ours)
    mine = torch.autograd.grad(ours, (x, layer.weight), direction)
    reference = torch.autograd.grad(theirs, (x, layer.weight), direction)
    for got, expected in zip(mine, reference, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def test_our_gradients_are_the_ones_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above would pass with torch's own path, too: see that training takes ours."""
    calls = []
    original = depthwise._weight_gradient
    monkeypatch.setattr(depthwise, "_weight_gradient", lambda *a: calls.append(a) or original(*a))
    x = torch.randn(1, 2, 6, 6)
    layer = DepthwiseConv2d(2, 5, 2)
    layer.train()(x).sum().backward()
    assert len(calls) == 1
    with torch.no_grad():
        assert torch.equal(layer.train()(x), layer.eval()(x))


def test_bfloat16_autocast_keeps_float32_weight_gradients() -> None:
    layer = DepthwiseConv2d(2, 3, 2).train()
    x = torch.randn(1, 2, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert layer.weight.grad is not None and layer.weight.grad.dtype == torch.float32
    exact = torch.nn.Conv2d(2, 2, 3, 2, 1, groups=2, bias=False)
    exact.weight.data.copy_(layer.weight.data)
    exact(x).sum().backward()
    torch.testing.assert_close(layer.weight.grad, exact.weight.grad, rtol=0.03, atol=0.1)


def test_what_a_gpu_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = F.conv2d  # any function does
    monkeypatch.setattr(depthwise, "_on_gpu", lambda: kernels)
    for layer in (DepthwiseConv2d(2, 3).train(), DepthwiseConv2d(2, 5, dilation=9).eval()):
        for dtype in (torch.float16, torch.bfloat16, torch.float32):
            assert layer._fast("cuda", dtype) is kernels
        assert layer._fast("cuda", torch.float64) is None, "it would be added up in float32"


def test_kernels_that_cannot_be_launched_are_not_used(caplog: pytest.LogCaptureFixture) -> None:
    def refused(x: torch.Tensor, weight: torch.Tensor, *shape: int) -> torch.Tensor:
        raise FileNotFoundError("Python.h:\n no such file")

    def works(x: torch.Tensor, weight: torch.Tensor, *shape: int) -> torch.Tensor:
        return F.conv2d(x, weight, None, 1, 1)

    with caplog.at_level(logging.WARNING, "ioebss"):
        assert depthwise._tried(works, "cpu") is works and not caplog.messages
        assert depthwise._tried(refused, "cpu") is None
    assert "Triton: Python.h: no such file" in caplog.text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_there_are_no_kernels() -> None:
    assert depthwise._on_gpu.__wrapped__() is None
