"""The counter against a count by hand, and the networks against the literature."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ioebss.trainer.networks import build_backbone
from ioebss.trainer.networks.complexity import (
    CLASSIFIERS,
    Classifier,
    classifier_table,
    complexity,
    segmenter_table,
    with_classes,
)
from ioebss.trainer.networks.deeplabv3plus import DeepLabV3Plus
from ioebss.trainer.networks.fcn8s import FCN8s

DOCUMENT = Path(__file__).parents[2] / "docs" / "networks.md"


def test_counter_by_hand() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),  # 5x4 outputs
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False),  # 5x4, depthwise
        nn.Conv2d(8, 6, 1, groups=2, bias=False),
        nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1, groups=2),  # to 10x8
    )
    counted = complexity(network, 3, 9, 8)
    assert counted.macs == 20 * (8 * 27 + 8 * 9 + 6 * 4) + 20 * 6 * 2 * 16
    assert counted.parameters == (8 * 27 + 8) + 16 + 8 * 9 + 6 * 4 + (6 * 2 * 16 + 4)
    assert not any(module._forward_hooks for module in network), "hooks are taken out again"


def test_parameters_of_resnets_are_the_published_ones_without_the_classifier() -> None:
    published = {"resnet18": 11_689_512, "resnet34": 21_797_672}
    published |= {"resnet50": 25_557_032, "resnet101": 44_549_160}
    for name, count in published.items():
        with torch.device("meta"):
            network = build_backbone(name, 3, 16)
        fully_connected = network.high_channels * 1000 + 1000
        assert sum(p.numel() for p in network.parameters()) == count - fully_connected


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_cost_what_is_published(name: str) -> None:
    size, parameters, macs = CLASSIFIERS[name]
    with torch.device("meta"):
        ours = complexity(Classifier(name), 3, size, size)
    # Figures of the Lite family are rounded, and count more than convolutions.
    lite = name.startswith("efficientnet")
    assert ours.parameters / 1e6 == pytest.approx(parameters, rel=0.011 if lite else 1e-9)
    assert ours.macs / 1e9 == pytest.approx(macs, rel=0.06 if lite else 5e-4)


def test_xception_deeplab_costs_what_the_paper_says() -> None:
    with torch.device("meta"):
        network = with_classes(DeepLabV3Plus(build_backbone("xception65", 3, 16)), 21)
    assert complexity(network, 3, 513, 513).macs / 1e9 == pytest.approx(54.17, rel=0.005)


def test_fcn8s_has_the_published_parameters() -> None:
    with torch.device("meta"):
        network = with_classes(FCN8s(3), 21)
        assert network(torch.empty(1, 3, 65, 97)).shape == (1, 21, 65, 97)
    # VGG-16's 138.36 M without its classifier (4096 * 1000 + 1000), and the layers of 21 classes
    vgg = 138_357_544 - 4_097_000
    scores = sum(channels * 21 + 21 for channels in (4096, 512, 256))
    expected = vgg + scores + 2 * 21 * 21 * 16
    assert sum(p.numel() for p in network.parameters()) == expected
    assert expected / 1e6 == pytest.approx(134, abs=0.5)


def test_the_document_holds_what_the_command_prints() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert classifier_table() in text and segmenter_table() in text
