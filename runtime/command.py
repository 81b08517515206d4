"""What all commands share: errors become one line and an exit code, never a traceback."""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import os
import signal
import sys
from collections.abc import Callable

from ioebss.errors import IoebssError


def run_command(
    parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], None]
) -> None:
    """Parses the command line, runs the command and exits: 0, 2 for wrong usage, 1 for failures.

    Set IOEBSS_TRACEBACK=1 to see where an error came from.
    """
    version = importlib.metadata.version("ioebss")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # file names need not be text
            stream.reconfigure(errors="backslashreplace")
    try:
        command(arguments)
        print(end="", flush=True)  # unlike sys.stdout.flush, where stdout was closed, too
    except IoebssError as error:
        if os.environ.get("IOEBSS_TRACEBACK"):
            raise
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        # A second one would otherwise be a traceback of whatever Python does at its exit.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(f"{parser.prog}: interrupted", file=sys.stderr, flush=True)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        raise SystemExit(130) from None
    except BrokenPipeError:  # the reader of our output went away: nothing to tell anyone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (OSError, MemoryError) as error:
        if os.environ.get("IOEBSS_TRACEBACK"):
            raise
        print(f"{parser.prog}: error: {error or 'out of memory'}", file=sys.stderr)
        raise SystemExit(1) from None
