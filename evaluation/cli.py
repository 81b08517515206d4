"""`ioebss-bench`: measures methods of click segmentation; a sub-command for each kind of table."""

from __future__ import annotations

import argparse

from ioebss.command import run_command
from ioebss.evaluation import accuracy_cli, all_cli, convergence_cli, speed_cli

DESCRIPTION = (
    "Measure click segmentation: how many clicks a good mask takes, how long a click takes, and "
    "how fast training converges; every method on the same objects. See docs/benchmarks.md."
)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser("ioebss-bench", description=DESCRIPTION)
    commands = parser.add_subparsers(title="what to measure", required=True, metavar="COMMAND")
    for name, module in (
        ("accuracy", accuracy_cli),
        ("speed", speed_cli),
        ("convergence", convergence_cli),
        ("all", all_cli),
    ):
        words = module.DESCRIPTION
        sub = commands.add_parser(name, help=words.split(":")[0], description=words)
        module.add_arguments(sub)
        sub.set_defaults(command=module.run)
    run_command(parser, lambda arguments: arguments.command(arguments))
