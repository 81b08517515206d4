"""Free memory, from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ioebss.trainer.datasets.free_memory import free_memory

GIB = 1024**3
MEMINFO = """MemTotal:       33554432 kB
MemFree:             100 kB
MemAvailable:   16777216 kB
HugePages_Total:       0
"""
STATISTICS = f"anon 12345\ninactive_file {GIB}\nactive_file 7\ntotal_inactive_file {2 * GIB}\n"
V2 = ("memory.max", "memory.current", "memory.stat")
V1 = tuple(f"memory/memory.{name}" for name in ("limit_in_bytes", "usage_in_bytes", "stat"))


def machine(root: Path, names: tuple[str, ...] = (), limit: str = "", used: int = 0) -> Path:
    """A file system with 16 GiB free, and a control group's files of one version."""
    (root / "proc").mkdir()
    (root / "proc/meminfo").write_text(MEMINFO)
    for name, text in zip(names, (limit, str(used), STATISTICS), strict=False):
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("names", "limit", "used", "expected"),
    [
        ((), "", 0, 16),
        (V2, "max", 5 * GIB, 16),
        (V2, str(8 * GIB), 5 * GIB, 4),
        (V1, str(8 * GIB), 5 * GIB, 5),
        (V1, str(2**63 - 4096), 5 * GIB, 16),
        (V2, str(64 * GIB), 0, 16),
        (V2, str(2 * GIB), 4 * GIB, 0),
    ],
)
def test_the_scarcest_counts(
    tmp_path: Path, names: tuple[str, ...], limit: str, used: int, expected: int
) -> None:
    assert free_memory(machine(tmp_path, names, limit, used)) == expected * GIB


def test_where_nothing_tells(tmp_path: Path) -> None:
    assert free_memory(tmp_path) is None
