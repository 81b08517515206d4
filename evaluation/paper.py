"""What the paper reports (Wang et al. 2020, "Image Object Extraction Based on Semantic Segmentation
and Label Loss"), as far as its numbers are known here. None stands for a number that is not.
"""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "not known here"


@dataclass(frozen=True)
class PaperSpeed:
    """Milliseconds for an image at a resolution, on the paper's GPU and CPU."""

    gpu: float
    cpu: float


MAX_CLICKS = 20  # on an object
# Table 2, on VOC, its own random clicks, by the names that methods have here.
MEAN_IOU_20 = {"ioebss": 0.941}
NOC_85 = {"ioebss": 4.72}
PIXEL_ACCURACY_10 = {"ioebss": 0.982}
# Which of these a network of table 4 is, by its architecture and whether it had Label Loss in its
# training. Table 4's own numbers are not known here.
TABLE_2_NETWORK = {("deeplabv3plus-resnet101", True): "ioebss"}
# Table 3, by the longer side of the image.
SPEED = {256: PaperSpeed(13, 240), 512: PaperSpeed(24, 860), 1024: PaperSpeed(72, 3500)}


def known(value: float | None, digits: int) -> str:
    """A number of the paper for a table, or that it is not known."""
    return UNKNOWN if value is None else f"{value:.{digits}f}"
