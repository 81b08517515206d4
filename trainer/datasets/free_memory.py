"""How much memory is free: on the machine, and in the container that this process may run in.

A container sees the memory of its whole host in /proc/meminfo, but is killed at its own limit,
which is in the control group's files (Linux kernel documentation, admin-guide/cgroup-v2.rst and
cgroup-v1/memory.rst).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Group:
    """Where a version of control groups keeps what is wanted, below the root of all files."""

    limit: str
    used: str
    statistics: str
    reclaimable: str  # of `statistics`: bytes of files, read once, that count as used


_GROUPS = (
    _Group(
        "sys/fs/cgroup/memory.max",
        "sys/fs/cgroup/memory.current",
        "sys/fs/cgroup/memory.stat",
        "inactive_file",
    ),
    _Group(
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
        "sys/fs/cgroup/memory/memory.usage_in_bytes",
        "sys/fs/cgroup/memory/memory.stat",
        "total_inactive_file",
    ),
)


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be taken without swapping or being killed; None where nothing tells.

    Args:
        root: of the file system.
    """
    known = [_of_machine(root), *(_of_group(root, group) for group in _GROUPS)]
    return min((free for free in known if free is not None), default=None)


def _of_machine(root: Path) -> int | None:
    kilobytes = _table(root / "proc/meminfo").get("MemAvailable:")
    return None if kilobytes is None else 1024 * kilobytes


def _of_group(root: Path, group: _Group) -> int | None:
    try:
        limit = int((root / group.limit).read_text())
        used = int((root / group.used).read_text())
    except (OSError, ValueError):  # there is no such version here, or its limit is "max"
        return None
    reclaimable = _table(root / group.statistics).get(group.reclaimable, 0)
    return max(0, limit - used + reclaimable)


def _table(path: Path) -> dict[str, int]:
    """Names and whole numbers of a file with a pair in each line; empty if there is none."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdecimal()}
