"""Sensitivities for people: the worst layers as text, all of them as a table and as a picture."""

from __future__ import annotations

from pathlib import Path

from ioebss.atomic import make_folder, write_atomically, write_text_atomically
from ioebss.calibration.sensitivity import Sensitivity, write_sensitivity

NAME = "sensitivity"
SHOWN = 10  # the worst layers, which are printed and marked


def write_report(sensitivity: Sensitivity, folder: Path) -> None:
    """Writes sensitivity.json, .md and .png into a folder, which is made if need be.

    Raises:
        OutputError: they cannot be written.
    """
    make_folder(folder)
    write_sensitivity(sensitivity, folder / f"{NAME}.json")
    text = markdown_table(sensitivity)
    write_text_atomically(folder / f"{NAME}.md", text)
    plot_sensitivity(sensitivity, folder / f"{NAME}.png")


def worst_layers(sensitivity: Sensitivity) -> str:
    """The worst layers, one a line, and what all layers cost together."""
    lines = ["mean IoU   worst   multiply-adds   in 8 bits alone"]
    for layer in sensitivity.worst_first()[:SHOWN]:
        lines.append(
            f"{layer.mean_iou:8.4f} {layer.worst_iou:7.4f} {100 * layer.multiply_adds:13.1f} %"
            f"   {layer.weight}"
        )
    whole = sensitivity.whole
    lines.append(f"{whole.mean_iou:8.4f} {whole.worst_iou:7.4f} {'':15}   all layers together")
    return "\n".join(lines)


def markdown_table(sensitivity: Sensitivity) -> str:
    """All layers in graph order; the worst in bold."""
    worst = {layer.weight for layer in sensitivity.worst_first()[:SHOWN]}
    whole = sensitivity.whole
    lines = [
        f"IoU of the masks with the float32 model's on {sensitivity.inputs} inputs, one layer in 8 "
        f"bits and all others in float32 (ranges by {sensitivity.method}). All layers in 8 bits: "
        f"{whole.mean_iou:.4f} on average, {whole.worst_iou:.4f} at worst. The {len(worst)} worst "
        "layers in bold.",
    ]
    if command := sensitivity.samples.get("command"):
        lines += ["", f"    {command}"]
    lines += [
        "",
        "| layer | mean IoU | worst | parameters | multiply-adds |",
        "|---|---|---|---|---|",
    ]
    for layer in sensitivity.layers:
        mark = "**" if layer.weight in worst else ""
        lines.append(
            f"| {mark}`{layer.weight}`{mark} | {mark}{layer.mean_iou:.4f}{mark} | "
            f"{layer.worst_iou:.4f} | {layer.parameters:,} | {100 * layer.multiply_adds:.1f} % |"
        )
    return "\n".join(lines) + "\n"


def plot_sensitivity(sensitivity: Sensitivity, path: Path) -> None:
    """Draws what each layer costs, from the input at the top to the output, the worst in colour.

    Args:
        path: the picture to write.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib.figure import Figure

    layers = sensitivity.layers
    worst = {layer.weight for layer in sensitivity.worst_first()[:SHOWN]}
    figure = Figure(figsize=(8, 1.5 + 0.16 * len(layers)), layout="constrained")
    axes = figure.subplots()
    places = range(len(layers))
    colours = ["tab:red" if layer.weight in worst else "tab:blue" for layer in layers]
    losses = [100 * (1 - layer.mean_iou) for layer in layers]
    axes.barh(places, losses, color=colours, label=f"mean, the {len(worst)} worst in red")
    axes.plot(
        [100 * (1 - layer.worst_iou) for layer in layers],
        places,
        linestyle="",
        marker="|",
        color="black",
        label="worst input",
    )
    whole = 100 * (1 - sensitivity.whole.mean_iou)
    axes.axvline(whole, linestyle="--", color="grey", linewidth=0.8, label="all layers, mean")
    axes.set_yticks(places, _short([layer.weight for layer in layers]), fontsize=7)
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set(
        title=f"One layer in 8 bits ({sensitivity.method})",
        xlabel=f"IoU lost against float32, percent ({sensitivity.inputs} inputs)",
    )
    axes.grid(alpha=0.3, axis="x")
    axes.legend(loc="lower right")
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))


def _short(names: list[str]) -> list[str]:
    """Names without the parts, between dots, that all of them begin or end with."""
    parts = [name.split(".") for name in names]
    for end in (0, -1):
        while all(len(p) > 1 for p in parts) and len({p[end] for p in parts}) == 1:
            parts = [p[1:] if end == 0 else p[:-1] for p in parts]
    return [".".join(p) for p in parts]
