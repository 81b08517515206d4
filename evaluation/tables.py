"""Summaries as text: one for the terminal, Markdown tables for documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ioebss.evaluation import paper
from ioebss.evaluation.metrics import Estimate
from ioebss.evaluation.summary import Summary

NONE = "-"


def format_summary(summary: Summary) -> str:
    """The table of a run: mean IoU after k clicks, NoC and failures per target IoU, speed."""
    lines = ["clicks   mean IoU   95 % interval   boundary IoU   pixel accuracy"]
    for clicks, value in summary.mean_iou.items():
        boundary, accuracy = summary.boundary_iou[clicks], summary.pixel_accuracy[clicks]
        lines.append(
            f"{clicks:6d}   {value.mean:8.3f}   {_interval(value, 3):13}   {boundary.mean:12.3f}"
            f"   {accuracy.mean:14.3f}"
        )
    if summary.targets:
        lines += ["", f"target   mean clicks   95 % interval   not reached in {summary.max_clicks}"]
    for target, result in summary.targets.items():
        share = 100 * result.failures / summary.objects
        lines.append(
            f"NoC@{round(100 * target)}   {result.noc.mean:11.2f}   {_interval(result.noc, 2):13}"
            f"   {result.failures} of {summary.objects} ({share:.1f} %)"
        )
    lines += ["", f"n = {summary.objects} objects, median {summary.median_ms:.1f} ms per click"]
    return "\n".join(lines)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def clicks_table(summaries: Mapping[str, Summary]) -> str:
    """Mean IoU after k clicks with its interval, by method."""
    shown = list(next(iter(summaries.values())).mean_iou)
    rows = [
        [name, str(s.objects), *(bounded(s.mean_iou[k], 3) for k in shown)]
        for name, s in summaries.items()
    ]
    return markdown(["method", "n", *(f"mIoU@{k}" for k in shown)], rows)


def effort_table(summaries: Mapping[str, Summary]) -> str:
    """NoC, failures, pixel accuracy, boundary IoU and time, by method."""
    first = next(iter(summaries.values()))
    last, tenth = first.max_clicks, min(10, first.max_clicks)
    percents = [round(100 * target) for target in first.targets]
    heads = [
        "method",
        *(f"NoC@{p}" for p in percents),
        *(f"never {p} % in {last}" for p in percents),
    ]
    heads += [f"pixel accuracy@{tenth}", f"boundary IoU@{last}", "ms per click"]
    rows = []
    for name, s in summaries.items():
        targets = s.targets.values()
        rows.append(
            [
                name,
                *(bounded(t.noc, 2) for t in targets),
                *(f"{100 * t.failures / s.objects:.1f} %" for t in targets),
                bounded(s.pixel_accuracy[tenth], 3),
                bounded(s.boundary_iou[last], 3),
                f"{s.median_ms:.0f}",
            ]
        )
    return markdown(heads, rows)


def paper_table(summaries: Mapping[str, Summary]) -> str:
    """Table 2 of the paper: each number beside the paper's own, where that is known here. NoC is
    the paper's measure only with its 20 clicks at most."""
    rows = []
    for name, s in summaries.items():
        noc = f"{s.targets[0.85].noc.mean:.2f}" if s.max_clicks == paper.MAX_CLICKS else NONE
        rows.append(
            [
                name,
                mean_at(s.mean_iou, 20),
                paper.known(paper.MEAN_IOU_20.get(name), 3),
                noc,
                paper.known(paper.NOC_85.get(name), 2),
                mean_at(s.pixel_accuracy, 10),
                paper.known(paper.PIXEL_ACCURACY_10.get(name), 3),
            ]
        )
    heads = ["method", "mIoU@20", "paper", "NoC@85", "paper", "pixel accuracy@10", "paper"]
    return markdown(heads, rows)


PAPER_NOTE = (
    "Beside the paper's numbers (its table 2), which are of its own network on VOC and random "
    "clicks; `ioebss` here is the bundled model."
)


def source(provenance: Mapping[str, Any]) -> str:
    """Which IOEBSS measured: its commit, or where it is not run from a checkout its version.

    Args:
        provenance: as of `ioebss.provenance.provenance`.
    """
    if provenance["commit"]:
        return f"commit {provenance['commit']}"
    return f"IOEBSS {provenance['versions'].get('ioebss', 'of unknown version')}"


def mean_at(values: Mapping[int, Estimate], clicks: int) -> str:
    """A mean after so many clicks, where there were so many."""
    return f"{values[clicks].mean:.3f}" if clicks in values else NONE


def bounded(value: Estimate, digits: int) -> str:
    """A mean and its interval."""
    return f"{value.mean:.{digits}f} ({_interval(value, digits)})"


def _interval(value: Estimate, digits: int) -> str:
    return f"{value.low:.{digits}f}-{value.high:.{digits}f}"
