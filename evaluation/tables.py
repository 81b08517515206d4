"""A summary as text."""

from __future__ import annotations

from ioebss.evaluation.metrics import Estimate
from ioebss.evaluation.summary import Summary


def format_summary(summary: Summary) -> str:
    """The table of a run: mean IoU after k clicks, NoC and failures per target IoU, speed."""
    lines = ["clicks   mean IoU   95 % interval"]
    for clicks, value in summary.mean_iou.items():
        lines.append(f"{clicks:6d}   {value.mean:8.3f}   {_interval(value, 3)}")
    lines += ["", f"target   mean clicks   95 % interval   not reached in {summary.max_clicks}"]
    for target, result in summary.targets.items():
        share = 100 * result.failures / summary.objects
        lines.append(
            f"NoC@{round(100 * target)}   {result.noc.mean:11.2f}   {_interval(result.noc, 2):13}"
            f"   {result.failures} of {summary.objects} ({share:.1f} %)"
        )
    lines += ["", f"n = {summary.objects} objects, median {summary.median_ms:.1f} ms per click"]
    return "\n".join(lines)


def _interval(value: Estimate, digits: int) -> str:
    return f"{value.low:.{digits}f}-{value.high:.{digits}f}"
