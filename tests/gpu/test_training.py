"""What training does on a real GPU, against the same on the host."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.gpu
PROGRAM = Path(__file__).parents[1] / "trainer" / "depthwise_differences.py"


@pytest.fixture
def torch() -> ModuleType:
    module: ModuleType = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("torch sees no CUDA device")
    return module


@pytest.fixture
def triton(torch: ModuleType) -> None:
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed")


def test_the_depthwise_kernels(triton: None) -> None:
    result = subprocess.run(
        [sys.executable, PROGRAM, "cuda"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    for name, differences in json.loads(result.stdout).items():
        bound = 1 / 256 if "bfloat16" in name else 1e-6
        assert all(difference < bound for difference in differences), (name, differences)


def test_a_layer_is_the_same_without_the_kernels(
    torch: ModuleType, triton: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ioebss.trainer.networks import depthwise

    layer = depthwise.DepthwiseConv2d(6, 5, 2).cuda().train()
    x = torch.randn(2, 6, 9, 11, device="cuda")
    assert depthwise._on_gpu() is not None
    found = layer(x)
    monkeypatch.setattr(depthwise, "_on_gpu", lambda: None)
    with torch.backends.cudnn.flags(enabled=False):  # cuDNN may use TF32
        torch.testing.assert_close(found, layer(x), rtol=1e-5, atol=1e-5)
        double = layer.double()(x.double())  # never Triton's
    assert double.dtype == torch.float64
    torch.testing.assert_close(found.double(), double, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["discs", "distances"])
@pytest.mark.parametrize("side", [64, 320])
def test_corrections_are_those_of_the_host(torch: ModuleType, side: int, kind: str) -> None:
    from ioebss.trainer.rounds import RoundState

    generator = torch.Generator().manual_seed(side)
    noise = torch.rand(6, 1, side // 8, side // 8, generator=generator)
    smooth = torch.nn.functional.interpolate(noise, size=(side, side), mode="bilinear")[:, 0]
    batch = {
        "image": torch.randint(0, 256, (6, 3, side, side), dtype=torch.uint8, generator=generator),
        "planes": torch.zeros(6, 2, side, side) + (255.0 if kind == "distances" else 0.0),
        "mask": smooth > 0.5,
        "void": torch.rand(6, side, side, generator=generator) < 0.05,
        "previous": smooth > 0.7,
        "position": torch.arange(6) * 7,
    }
    empty = batch["planes"].clone()
    states = [RoundState.start(batch, torch.device(device)) for device in ("cpu", "cuda")]
    for number in range(4):
        probability = torch.rand(6, side, side, generator=generator) * 0.3 + 0.7 * smooth
        for state in states:
            there = probability.to(state.mask.device)
            state.add_corrections(there, 5, (3, 1, number), coarse=0.4, kind=kind)
        host, device = states
        assert torch.equal(host.planes, device.planes.cpu())
        torch.testing.assert_close(host.previous, device.previous.cpu(), rtol=1e-5, atol=1e-5)
    assert not torch.equal(host.planes, empty)
