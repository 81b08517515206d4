"""Label Loss (Wang et al. 2020, equation 4): the auxiliary term that makes the network obey the
clicks.

The clicked pixels are the ones whose class is known for certain. With L the foreground probability
and s the sign of a plane (-1 on the positive plane, +1 on the negative one), each clicked pixel
contributes sigmoid(s * L), and the term is their mean:

    label_loss = 1/n * sum over clicked pixels of sigmoid(s * L)

It falls when L rises on foreground discs and when L falls on background discs. As L is a
probability, the sigmoid's argument stays within [-1, 1], where its slope is between 0.196 and 0.25:
the gradient never dies, which is what the paper claims for it. The term therefore lies between
sigmoid(-1) = 0.269 and sigmoid(1) = 0.731 and does not reach 0.

This form is a reconstruction. The paper's text could not be consulted when it was written, only
that equation 4 puts a sign and a sigmoid over the foreground probability at the clicks; compare it
with the printed equation before drawing conclusions about Label Loss from it.

How ambiguities were read: "clicked pixels" are all pixels of the two planes, not the click centres
alone; a pixel on both planes counts once with each sign; the sum is divided by the number of
clicked pixels of the whole batch, so that the term does not depend on the image's size; void pixels
do not count; a batch without a clicked pixel has loss 0.
"""

from __future__ import annotations

from torch import Tensor


def label_loss(probability: Tensor, planes: Tensor, void: Tensor) -> Tensor:
    """Equation 4.

    Args:
        probability: (N, H, W) float, the foreground probability L, 0..1.
        planes: (N, 2, H, W) of 0 and 1: positive, negative.
        void: bool (N, H, W), True where a pixel counts nowhere.

    Returns:
        A scalar.
    """
    planes = planes.to(probability.dtype) * ~void[:, None]
    positive, negative = planes[:, 0], planes[:, 1]
    terms = positive * (-probability).sigmoid() + negative * probability.sigmoid()
    return terms.sum() / planes.sum().clamp(min=1)
