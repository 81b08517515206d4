"""`ioebss-doctor`: one page of what this machine can do, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from ioebss.command import run_command

if TYPE_CHECKING:
    from ioebss.doctor import Finding

DESCRIPTION = """What this machine can run a model on: the NVIDIA driver and its GPUs, the libraries
and kernels for them, the processor; and what to do where something is missing."""
MARKS = {"ok": "+", "missing": "-", "note": " "}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser("ioebss-doctor", description=DESCRIPTION)
    parser.add_argument("--json", action="store_true", help="for machines")
    run_command(parser, _doctor)


def _doctor(arguments: argparse.Namespace) -> None:
    from ioebss.doctor import examine

    found = examine()
    if arguments.json:
        print(json.dumps({"format": 1, "findings": [asdict(f) for f in found]}, indent=1))
    else:
        print(_page(found))


def _page(found: Iterable[Finding]) -> str:
    lines = []
    for finding in found:
        first, *more = finding.text.splitlines()
        lines.append(f"{MARKS[finding.state]} {finding.name + ':':19} {first}")
        if finding.remedy:
            more.append(f"-> {finding.remedy}")
        for line in more:
            lines += textwrap.wrap(
                line,
                98,
                initial_indent=" " * 22,
                subsequent_indent=" " * 25,
                break_on_hyphens=False,
                break_long_words=False,
            )
    return "\n".join([*lines, "", "+ is there   - is missing: the way it opens is closed"])
