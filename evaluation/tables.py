"""Summaries as text: one for the terminal, Markdown tables for documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
        [name, str(s.objects), *(_bounded(s.mean_iou[k], 3) for k in shown)]
        for name, s in summaries.items()
    ]
    return markdown(["method", "n", *(f"mIoU@{k}" for k in shown)], rows)


def effort_table(summaries: Mapping[str, Summary]) -> str:
    """NoC, failures, pixel accuracy, boundary IoU and time, by method."""
    last = next(iter(summaries.values())).max_clicks
    tenth = min(10, last)
    heads = ["method", "NoC@85", "NoC@90", f"below 85 % after {last}", f"below 90 % after {last}"]
    heads += [f"pixel accuracy@{tenth}", f"boundary IoU@{last}", "ms per click"]
    rows = []
    for name, s in summaries.items():
        targets = s.targets.values()
        rows.append(
            [
                name,
                *(_bounded(t.noc, 2) for t in targets),
                *(f"{100 * t.failures / s.objects:.1f} %" for t in targets),
                _bounded(s.pixel_accuracy[tenth], 3),
                _bounded(s.boundary_iou[last], 3),
                f"{s.median_ms:.0f}",
            ]
        )
    return markdown(heads, rows)


def paper_table(summaries: Mapping[str, Summary]) -> str:
    """Table 2 of the paper: each number beside the paper's own, where that is known here."""
    rows = []
    for name, s in summaries.items():
        noc = s.targets[0.85].noc.mean
        rows.append(
            [
                name,
                _mean(s.mean_iou, 20),
                paper.known(paper.MEAN_IOU_20.get(name), 3),
                f"{noc:.2f}",
                paper.known(paper.NOC_85.get(name), 2),
                _mean(s.pixel_accuracy, 10),
                paper.known(paper.PIXEL_ACCURACY_10.get(name), 3),
            ]
        )
    heads = ["method", "mIoU@20", "paper", "NoC@85", "paper", "pixel accuracy@10", "paper"]
    return markdown(heads, rows)


PAPER_NOTE = (
    "Beside the paper's numbers (its table 2), which are of its own network on VOC and random "
    "clicks; `ioebss` here is the bundled model."
)


def _mean(values: Mapping[int, Estimate], clicks: int) -> str:
    return f"{values[clicks].mean:.3f}" if clicks in values else NONE


def _bounded(value: Estimate, digits: int) -> str:
    return f"{value.mean:.{digits}f} ({_interval(value, digits)})"


def _interval(value: Estimate, digits: int) -> str:
    return f"{value.low:.{digits}f}-{value.high:.{digits}f}"
