"""Shapes and strides of every network, and what dilation must not change."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ioebss.errors import UsageError
from ioebss.trainer.model import ClickModel, foreground_logits
from ioebss.trainer.networks import BACKBONES, NetworkSpec, build_backbone, build_network
from ioebss.trainer.networks.fcn8s import _bilinear_upsampling
from ioebss.trainer.networks.layers import stride_plan


def small_spec(backbone: str, in_channels: int = 5, output_stride: int = 16) -> NetworkSpec:
    if backbone == "vgg16":
        return NetworkSpec("fcn8s", "vgg16", in_channels)
    return NetworkSpec("deeplabv3plus", backbone, in_channels, output_stride, 16, 8, 16)


@pytest.mark.parametrize("backbone", [*BACKBONES, "vgg16"])
@pytest.mark.parametrize("in_channels", [5, 6])
def test_scores_have_the_size_of_the_photo(backbone: str, in_channels: int) -> None:
    with torch.device("meta"):
        network = build_network(small_spec(backbone, in_channels)).eval()
        for height, width in ((65, 97), (64, 64), (33, 50)):
            scores = network(torch.empty(2, in_channels, height, width))
            assert scores.shape == (2, 2, height, width)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_output_stride_is_real(backbone: str, output_stride: int) -> None:
    with torch.device("meta"):
        network = build_backbone(backbone, 3, output_stride).eval()
        low, high = network(torch.empty(1, 3, 65, 96))
    assert low.shape == (1, network.low_channels, 17, 24)
    rows, columns = -(-65 // output_stride), -(-96 // output_stride)
    assert high.shape == (1, network.high_channels, rows, columns)


@pytest.mark.parametrize(
    ("backbone", "size"),
    [
        ("resnet18", 64),
        ("resnet18", 65),
        ("resnet50", 65),
        ("xception65", 65),
        ("efficientnet_lite0", 64),
        ("efficientnet_lite4", 65),
    ],
)
def test_dilation_keeps_what_the_strided_network_computes(backbone: str, size: int) -> None:
    """With the same weights, every second (fourth) feature at output stride 16 (8) is the feature
    of the network at 32: that is what dilating in place of striding is for."""
    torch.manual_seed(0)
    strided = build_backbone(backbone, 3, 32).double().eval()
    # Statistics as after training: without them the 16 residual sums of Xception run away.
    for module in strided.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(1.5, 2.5)
    x = torch.randn(1, 3, size, size, dtype=torch.float64)
    with torch.inference_mode():
        low, expected = strided(x)
        for output_stride in (16, 8):
            dilated = build_backbone(backbone, 3, output_stride).double().eval()
            dilated.load_state_dict(strided.state_dict())
            low_too, features = dilated(x)
            step = 32 // output_stride
            torch.testing.assert_close(features[:, :, ::step, ::step], expected)
            torch.testing.assert_close(low_too, low)
    assert expected.std() > 1e-3


def test_stride_plan_by_hand() -> None:
    # Chen et al. 2017, section 3.1: block 4 at rate 2 for stride 16; blocks 3, 4 at 2, 4 for 8
    assert stride_plan((1, 2, 2, 2), 4, 32) == [(1, 1, 1), (2, 1, 1), (2, 1, 1), (2, 1, 1)]
    assert stride_plan((1, 2, 2, 2), 4, 16) == [(1, 1, 1), (2, 1, 1), (2, 1, 1), (1, 2, 1)]
    assert stride_plan((1, 2, 2, 2), 4, 8) == [(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 4, 2)]


@pytest.mark.parametrize(("output_stride", "rates"), [(16, [6, 12, 18]), (8, [12, 24, 36])])
def test_pyramid_rates(output_stride: int, rates: list[int]) -> None:
    with torch.device("meta"):
        network = build_network(small_spec("resnet18", 5, output_stride))
    dilations = [
        module.dilation[0]
        for module in network.aspp.modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
    ]
    assert dilations == rates


def test_residual_branches_of_xception_can_lower_their_input() -> None:
    """Rectifying a branch before it is added would let features only grow through the middle
    flow.
    """
    torch.manual_seed(0)
    network = build_backbone("xception65", 3, 16).eval()
    x = torch.randn(1, 728, 5, 5)
    with torch.inference_mode():
        out, _ = network.middle[0](x)
    assert (out - x).min() < 0 < (out - x).max()


def test_upsampling_of_fcn8s_starts_bilinear() -> None:
    up = _bilinear_upsampling()
    ramp = torch.arange(5.0).expand(1, 2, 5, 5).contiguous()
    expected = nn.functional.interpolate(ramp, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(up(ramp)[..., 2:-2, 2:-2], expected[..., 2:-2, 2:-2])


def test_click_model_normalises_colours_only() -> None:
    model = ClickModel(small_spec("resnet18", 6))
    seen = []
    model.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.zeros(1, 6, 32, 32)
    x[:, 0], x[:, 1], x[:, 2] = 0, 127, 255
    x[:, 3], x[:, 4], x[:, 5] = 1, 0, 0.25
    with torch.inference_mode():
        scores = model.eval()(x)
    values = [seen[0][0, c].unique().tolist() for c in range(6)]
    assert values == [[-127 / 128], [0.0], [1.0], [1.0], [0.0], [0.25]]
    assert torch.equal(foreground_logits(scores), scores[:, 1:] - scores[:, :1])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "unet"}, "deeplabv3plus"),
        ({"backbone": "resnet152"}, "resnet101"),
        ({"architecture": "fcn8s"}, "vgg16"),
        ({"in_channels": 3}, "5 or 6"),
        ({"output_stride": 4}, "8, 16 or 32"),
    ],
)
def test_a_wrong_spec_says_what_to_choose(values: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        NetworkSpec(**values)
