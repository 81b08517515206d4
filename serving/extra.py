"""What the page and the service need, the extra `serve`: looked for before anything is imported."""

from __future__ import annotations

import importlib.util

from ioebss.errors import MissingExtraError

NEEDED = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")


def check_extra(who: str, hint: str = "") -> None:
    """Checks that the extra is installed.

    Args:
        who: needs it, and `hint`: what else can be done, for the message.

    Raises:
        MissingExtraError: it is not, or not all of it.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f'{who} needs {" and ".join(missing)}: pip install "ioebss[serve]"{hint}'
        )
