"""Times as Markdown, in the shape of the paper's table 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ioebss.evaluation import paper
from ioebss.evaluation.planes_speed import KINDS
from ioebss.evaluation.speed import STAGES
from ioebss.evaluation.tables import NONE, markdown, source

Row = Mapping[str, Any]
USED_UP = f"`{NONE}`: left out, failed, or not reached: its seconds were used up before."


def format_speed(measured: Mapping[str, Any]) -> str:
    """All tables of a measurement, or of what there is of it, see
    `ioebss.evaluation.speed_run.measure_speed`."""
    parts = ["## Speed", _conditions(measured), _sides(measured["clicks"])]
    parts += [f"Left out: {_left_out(measured['left_out'])}"] if measured["left_out"] else []
    parts += [f"Not measured: {_failures(measured)}"] if measured["failures"] else []
    parts += ["Where the time goes:", _stages(measured["clicks"])]
    if "memory_mib" in measured:
        parts += [_memory(measured["memory_mib"])]
    if measured["graphs"]:
        parts += ["Other systems' graphs alone:", _graphs(measured["graphs"], measured["clicks"])]
    if "resolution" in measured:
        parts += ["Cost against resolution (a later click, median). " + USED_UP]
        parts += [_curves(measured["resolution"], "{} pixels")]
    if "growth" in measured:
        parts += ["Cost against clicks (the k-th click on one photo). " + USED_UP]
        parts += [_curves(measured["growth"], "click {}")]
    if "planes" in measured:
        parts += ["Click planes alone:", _planes(measured["planes"])]
    return "\n\n".join(parts) + "\n"


def _conditions(measured: Mapping[str, Any]) -> str:
    threads = measured["threads"] or "as each engine chooses"
    zoom = 'zoom in, but for "whole photo"' if measured["zoom"] else "do not zoom in (`--no-zoom`)"
    flip = "with the mirrored input averaged in (`--flip`)" if measured["flip"] else "not flipped"
    return (
        f"{measured['device']}; threads of each network: {threads}, of OpenCV: "
        f"{measured['cpu_threads_of_opencv']}; {source(measured)}. ONNX files and engines {zoom}, "
        f"{flip}. Milliseconds; methods took turns. The first click includes opening the photo."
    )


def _left_out(rows: Sequence[Row]) -> str:
    return "; ".join(f"{r['method']} at {r['side']} pixels ({r['reason']})" for r in rows) + "."


def _failures(measured: Mapping[str, Any]) -> str:
    return "; ".join(f"{part} ({why})" for part, why in measured["failures"].items()) + "."


def _sides(rows: Sequence[Row]) -> str:
    """Table 3: first and later clicks by method and side, and the paper's own times."""
    sides = sorted({row["side"] for row in rows})
    heads = ["method", *(f"{side}: first / later (minimum, n)" for side in sides)]
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        cells = {row["side"]: _cell(row) for row in rows if row["method"] == method}
        lines.append([method, *(cells.get(side, NONE) for side in sides)])
    for device in ("GPU", "CPU"):
        times = [paper.SPEED.get(side) for side in sides]
        cells_of_paper = [paper.known(getattr(t, device.lower()) if t else None, 0) for t in times]
        lines.append([f"*the paper's, {device}*", *cells_of_paper])
    return markdown(heads, lines)


def _cell(row: Row) -> str:
    first, later = row["first"], row["later"]
    return f"{first['median']:.1f} / {later['median']:.1f} ({later['minimum']:.1f}, n={later['n']})"


def _stages(rows: Sequence[Row]) -> str:
    heads = ["method", "side", "prepare the photo", "input of the network or method"]
    heads += ["network or method", "mask"]
    lines = []
    for row in rows:
        cells = [f"{row[s]['median']:.2f}" if s in row else NONE for s in STAGES]
        lines.append([row["method"], str(row["side"]), *cells])
    return markdown(heads, lines)


def _memory(memory: Mapping[str, float | None]) -> str:
    rows = [[name, NONE if mib is None else f"{mib:.0f}"] for name, mib in memory.items()]
    return markdown(["method", "peak memory of a process of its own, MiB"], rows)


def _graphs(graphs: Mapping[str, Row], rows: Sequence[Row]) -> str:
    heads = ["graphs", "median", "n", *(f"{r['method']} {r['side']} / graphs" for r in rows)]
    return markdown(
        heads,
        [
            [
                name,
                f"{times['median']:.1f}",
                str(times["n"]),
                *(f"{row['later']['median'] / times['median']:.2f}" for row in rows),
            ]
            for name, times in graphs.items()
        ],
    )


def _curves(curves: Mapping[str, Mapping[int, float]], head: str) -> str:
    points = sorted({point for curve in curves.values() for point in curve})
    rows = [
        [name, *(f"{curve[p]:.1f}" if p in curve else NONE for p in points)]
        for name, curve in curves.items()
    ]
    return markdown(["method", *(head.format(point) for point in points)], rows)


def _planes(rows: Sequence[Row]) -> str:
    places = list(dict.fromkeys((row["side"], row["clicks"]) for row in rows))
    medians = {(row["side"], row["clicks"], row["kind"]): row["median"] for row in rows}
    lines = []
    for side, clicks in places:
        ours, distances = (medians[side, clicks, kind] for kind in KINDS)
        lines.append(
            [
                str(side),
                str(clicks),
                f"{ours:.3f}",
                f"{distances:.3f}",
                f"{distances / ours:.1f}",
            ]
        )
    heads = ["side", "clicks", "discs (IOEBSS), ms", "Euclidean distances (DIOS), ms", "ratio"]
    return markdown(heads, lines)
