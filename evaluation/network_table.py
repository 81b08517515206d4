"""Table 4 of the paper: its networks, each with and without Label Loss, from training runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioebss.click_planes import DISCS
from ioebss.evaluation import paper
from ioebss.evaluation.summary import Summary
from ioebss.evaluation.tables import bounded, markdown, mean_at

# By architecture as a manifest names it, in the paper's order.
NETWORKS = {
    "fcn8s-vgg16": "FCN-8s",
    "deeplabv3plus-xception65": "DeepLabv3+ Xception-65",
    "deeplabv3plus-resnet101": "DeepLabv3+ ResNet-101",
}
NOTE = (
    "The networks of the paper's table 4, from the training runs that were given. Of that table no "
    "number is known here: beside DeepLabv3+ ResNet-101 with Label Loss, which is the paper's "
    "IOEBSS, stands its table 2. Updates are those that the weights have seen; the paper has "
    "95,000 of 4 photos."
)


def network_table(
    models: Mapping[str, Mapping[str, Any]], summaries: Mapping[str, Summary]
) -> str | None:
    """A row for each training run of one of `NETWORKS` that reads discs, by network, those with
    Label Loss first.

    Args:
        models: of each method, what `Candidate.setup` says.
        summaries: of the same methods, of more than one click.

    Returns:
        Markdown; None where no method is such a run.
    """
    runs = [name for name, model in models.items() if _in_table(model)]
    if not runs:
        return None
    order = list(NETWORKS)

    def place(name: str) -> tuple[int, bool]:
        model = models[name]
        return order.index(model["architecture"]), not model["training"]["label_loss"]

    rows = [_row(name, models[name], summaries[name]) for name in sorted(runs, key=place)]
    heads = ["network", "Label Loss", "method", "updates", "n"]
    heads += ["mIoU@20", "paper", "NoC@85", "paper", "NoC@90", "pixel accuracy@10", "paper"]
    return f"{NOTE}\n\n{markdown(heads, rows)}"


def _in_table(model: Mapping[str, Any]) -> bool:
    return (
        "training" in model
        and model["planes"] == DISCS
        and not model.get("constants")  # no graph cut behind it
        and model["architecture"] in NETWORKS
    )


def _row(name: str, model: Mapping[str, Any], summary: Summary) -> list[str]:
    training = model["training"]
    with_loss = bool(training["label_loss"])
    of_paper = paper.TABLE_2_NETWORK.get((model["architecture"], with_loss), "")
    reduced = ", reduced" if training["reduced"] else ""
    if reduced:
        of_paper = ""
    noc_of_paper = paper.NOC_85.get(of_paper) if summary.max_clicks == paper.MAX_CLICKS else None
    return [
        NETWORKS[model["architecture"]] + reduced,
        "yes" if with_loss else "no",
        name,
        str(training["updates"]),
        str(summary.objects),
        mean_at(summary.mean_iou, 20),
        paper.known(paper.MEAN_IOU_20.get(of_paper), 3),
        bounded(summary.targets[0.85].noc, 2),
        paper.known(noc_of_paper, 2),
        bounded(summary.targets[0.9].noc, 2),
        mean_at(summary.pixel_accuracy, 10),
        paper.known(paper.PIXEL_ACCURACY_10.get(of_paper), 3),
    ]
