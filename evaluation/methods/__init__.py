"""What is measured: IOEBSS and the methods that the paper compares it with, one file each.

`make_method(name).open(photo).click(x, y, label)` is a mask, whatever the method. A method's
libraries are imported when it is made, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from ioebss.errors import MissingExtraError, UsageError
from ioebss.evaluation.protocol import Method

LIBRARIES = {"maxflow": "PyMaxflow", "scipy": "SciPy", "skimage": "scikit-image"}


def _make(file: str, maker: str, **options: Any) -> Method:
    try:
        module = import_module(f"{__name__}.{file}")
    except ModuleNotFoundError as error:
        library = LIBRARIES.get((error.name or "").split(".")[0])
        if library is None:
            raise
        raise MissingExtraError(
            f'the method {file} needs {library}; pip install "ioebss[bench]"'
        ) from None
    try:
        method: Method = getattr(module, maker)(**options)
    except TypeError as error:
        raise UsageError(f"the method {file} does not take these options: {error}") from None
    return method


# What makes each method, by its name; options are what its class or function takes.
METHODS: dict[str, Callable[..., Method]] = {
    "ioebss": partial(_make, "ioebss", "open_model"),
    "graph_cut": partial(_make, "graph_cut", "GraphCut"),
    "grab_cut": partial(_make, "grab_cut", "GrabCut"),
    "magic_wand": partial(_make, "magic_wand", "MagicWand"),
    "slic": partial(_make, "slic", "Slic"),
    "watershed": partial(_make, "watershed", "Watershed"),
    "active_contour": partial(_make, "active_contour", "ActiveContour"),
    "poisson_matting": partial(_make, "poisson_matting", "PoissonMatting"),
}


def make_method(name: str, **options: Any) -> Method:
    """A method, ready to open photos.

    Args:
        name: one of `METHODS`.
        options: what makes it takes: model and backend of ioebss, constants of the others.

    Raises:
        UsageError: no method, or no option of it, has that name.
        MissingExtraError: a library that the method needs is not installed.
        IoebssError: whatever the method raises.
    """
    if name not in METHODS:
        raise UsageError(f"no method is called {name!r}; there are {', '.join(METHODS)}")
    return METHODS[name](**options)
