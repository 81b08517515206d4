"""The first layers of a backbone left as they are: on a CPU most of the time of an update goes into
their large maps, and what they see, edges and colours, is the same in all photographs."""

from __future__ import annotations

from torch import nn

from ioebss.errors import UsageError
from ioebss.trainer.model import ClickModel
from ioebss.trainer.networks.efficientnet_lite import EfficientNetLite


def freeze(model: ClickModel, blocks: int) -> list[nn.Module]:
    """Keeps the stem and the first blocks of the backbone from being trained: no gradients are
    computed for them.

    Args:
        model: changed in place.
        blocks: so many after the stem; 0 freezes nothing.

    Returns:
        The layers. `train()` of the model must be followed by `eval()` of each, so that their
        normalisation keeps its statistics too.

    Raises:
        UsageError: the backbone has fewer blocks, or is not made of such.
    """
    if not blocks:
        return []
    backbone = getattr(model.network, "backbone", None)
    if not isinstance(backbone, EfficientNetLite):
        raise UsageError("optimisation.frozen_blocks is for backbones of EfficientNet-Lite")
    if blocks > len(backbone.blocks):
        raise UsageError(
            f"optimisation.frozen_blocks = {blocks}; the backbone has {len(backbone.blocks)}"
        )
    layers = [backbone.stem, *backbone.blocks[:blocks]]
    for layer in layers:
        layer.requires_grad_(False)
    return layers
