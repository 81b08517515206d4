"""How each method was run: what it looked at, and by which engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ioebss.evaluation.methods.seed_session import WORKING_SIDE
from ioebss.evaluation.tables import NONE, markdown


def run_table(models: Mapping[str, Mapping[str, Any]]) -> str:
    """Input size, zooming in, mirroring and engine of each method, as Markdown.

    Args:
        models: of each method, what `Candidate.setup` says.
    """
    rows = [[name, *_cells(model)] for name, model in models.items()]
    heads = ["method", "longer side of its input, pixels", "looks at", "mirrored too", "engine"]
    return markdown(heads, rows)


def _cells(model: Mapping[str, Any]) -> list[str]:
    if "size" not in model:  # a classical method, or a foreign pair of graphs
        side = model.get("constants", {}).get("side", WORKING_SIDE)
        return [NONE if model["files"] else f"{side} at most", "the whole photo", "no", NONE]
    looks = "the whole photo, then the object" if model["zoom"] else "the whole photo"
    engine = model["backend"] + (", then a graph cut" if model.get("constants") else "")
    return [str(model["size"]), looks, "yes" if model["flip"] else "no", engine]
