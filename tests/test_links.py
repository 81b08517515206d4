"""Links in the documentation lead somewhere, for whoever gets it from git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)


@pytest.fixture(scope="module")
def files() -> set[str]:
    """What git takes: a file that it ignores is on this machine alone."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("no checkout of git")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def anchors(path: Path) -> set[str]:
    """Of the headings of a page, as they are made on GitHub."""
    headings = HEADING.findall(path.read_text())
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def test_links_lead_to_files_and_headings(files: set[str]) -> None:
    broken, count = [], 0
    for page in (ROOT / name for name in files if name.endswith(".md")):
        for link in LINK.findall(page.read_text()):
            count += 1
            name, _, heading = link.partition("#")
            target = page if not name else Path(os.path.normpath(page.parent / name))
            inside = str(target.relative_to(ROOT))
            there = inside in files or any(file.startswith(f"{inside}/") for file in files)
            if not there or (heading and heading not in anchors(target)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert not broken
    assert count > 50
