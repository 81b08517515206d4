"""`ioebss-serve`: the page and the service."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

from ioebss.command import run_command
from ioebss.errors import UsageError
from ioebss.model_options import add_model_options, open_segmenter

TOKEN_VARIABLE = "IOEBSS_TOKEN"
LABEL_STUDIO_VARIABLE = "LABEL_STUDIO_API_KEY"
DESCRIPTION = "Serves a page to click on and an HTTP interface to programs."
EPILOG = f"""examples:
  ioebss-serve
  {TOKEN_VARIABLE}=... ioebss-serve --host 0.0.0.0 --port 8000
Only this machine is served unless --host says otherwise; then a token is needed, which clients send
as Authorization: Bearer TOKEN, and the page as http://HOST:PORT/#token=TOKEN. The service answers
at /v1, described at /openapi.json; see docs/serving.md."""


def main() -> None:
    """Entry point."""
    run_command(_parser(), _serve)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ioebss-serve",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_options(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to serve (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0: any free one (%(default)s)")
    parser.add_argument(
        "--token", help=f"that clients must send; better in the environment: {TOKEN_VARIABLE}"
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="host name that requests may come for, as a proxy passes it on; repeatable "
        "(without a token: this machine's own; with one: any)",
    )
    parser.add_argument(
        "--label-studio",
        metavar="URL",
        help="Label Studio whose tasks' photos may be fetched; its access token in the "
        f"environment: {LABEL_STUDIO_VARIABLE} (none)",
    )
    parser.add_argument("--sessions", type=int, default=64, help="at a time (%(default)s)")
    parser.add_argument(
        "--memory", type=int, default=2048, metavar="MIB", help="of all sessions (%(default)s)"
    )
    return parser


def _serve(arguments: argparse.Namespace) -> None:
    from ioebss.serving.extra import check_extra

    check_extra("the service")
    from ioebss.serving.access import settings_for
    from ioebss.serving.server import address_of, bind, serve

    token = arguments.token or os.environ.get(TOKEN_VARIABLE) or None
    if not 0 <= arguments.port < 65536:
        raise UsageError(f"--port {arguments.port}: from 0 to 65535")
    if arguments.sessions < 1 or arguments.memory < 1:
        raise UsageError("--sessions and --memory must be 1 or more")
    settings = settings_for(
        arguments.host, token, arguments.allow_host, arguments.sessions, arguments.memory
    )
    settings = replace(
        settings,
        label_studio=arguments.label_studio,
        label_studio_key=os.environ.get(LABEL_STUDIO_VARIABLE) or None,
    )
    with bind(arguments.host, arguments.port) as listening:
        from ioebss.serving.app import create_app

        segmenter = open_segmenter(arguments)
        address = address_of(listening) + ("#token=..." if token else "")
        serve(
            create_app(segmenter, settings),
            listening,
            lambda: print(f"ioebss-serve: {address} (Ctrl-C ends it)", flush=True),
        )
