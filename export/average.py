"""`python -m ioebss.export.average A.onnx B.onnx -o OUT.onnx`: the mean of two exported models."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from ioebss.command import run_command
from ioebss.errors import MissingExtraError

SHARE = 0.5


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        "python -m ioebss.export.average",
        description="Average two exported models of one network. Measure what comes out.",
    )
    parser.add_argument("first", type=Path, metavar="A.onnx")
    parser.add_argument("second", type=Path, metavar="B.onnx")
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="OUT.onnx")
    parser.add_argument("--share", type=float, default=SHARE, help="of the second (%(default)s)")
    run_command(parser, _average)


def _average(arguments: argparse.Namespace) -> None:
    try:
        from ioebss.export.mean_model import average
    except ImportError as error:
        raise MissingExtraError(
            f'averaging needs more than the runtime ({error}); pip install "ioebss[export]"'
        ) from None
    words = ["python", "-m", "ioebss.export.average", *sys.argv[1:]]
    average(arguments.first, arguments.second, arguments.output, arguments.share, shlex.join(words))
    print(arguments.output)


if __name__ == "__main__":
    main()
