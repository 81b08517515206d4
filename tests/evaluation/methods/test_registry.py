"""Methods by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ioebss.errors import ModelError, UsageError
from ioebss.evaluation.methods import make_method


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'wand'; there are .*magic_wand, slic"):
        make_method("wand")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(UsageError, match=r"graph_cut does not take.*colour"):
        make_method("graph_cut", colour="red")


@pytest.mark.parametrize(
    ("name", "module", "library"),
    [
        ("graph_cut", "maxflow", "PyMaxflow"),
        ("watershed", "skimage.segmentation", "scikit-image"),
        ("poisson_matting", "scipy.sparse.linalg", "SciPy"),
    ],
)
def test_a_missing_library_is_named_with_the_line_to_type(name, module, library) -> None:
    # In a process of its own: here the libraries are imported already.
    program = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from ioebss.errors import MissingExtraError\n"
        "from ioebss.evaluation.methods import make_method\n"
        "try:\n"
        f"    make_method({name!r})\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == f'the method {name} needs {library}; pip install "ioebss[bench]"'


def test_naming_the_methods_imports_none_of_their_libraries() -> None:
    program = (
        "import sys, ioebss.evaluation.methods\n"
        "print([m for m in ('maxflow', 'scipy', 'skimage', 'torch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_errors_of_a_model_come_through(tmp_path) -> None:
    with pytest.raises(ModelError):
        make_method("ioebss", model=tmp_path / "none.onnx")
