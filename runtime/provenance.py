"""Where a result comes from: commit, command, versions, device."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGES = (
    "ioebss",
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "onnx",
    "onnxruntime",
    "pillow",
)


def provenance(command: str) -> dict[str, Any]:
    """What has to stand next to a result, ready for JSON.

    Args:
        command: as it was typed.
    """
    return {
        "command": command,
        "commit": commit(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": processor(),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def commit() -> str | None:
    """Hash of the commit that this package is run from, with "-dirty" after it where tracked files
    were changed since; None where the package is not part of a git checkout."""
    here = Path(__file__).resolve()
    # An installed copy may lie inside somebody else's checkout; only a tracked file is our own.
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    # All tags are excluded, so that the plain hash is what describes the commit.
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*")


def processor() -> str:
    """Model name and logical cores of the CPU."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        name = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} logical cores"


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers, or None where it is missing or refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
