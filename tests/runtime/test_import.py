from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HEAVY = ("torch", "onnx", "onnxruntime", "tensorrt", "pycuda", "typer", "rich", "matplotlib")


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in out.stdout.split()}


def test_import_is_light() -> None:
    assert not loaded_after("import ioebss") & {*HEAVY, "numpy", "cv2", "PIL"}


def test_a_command_begins_light() -> None:
    # An interrupt while this loads is a traceback: nobody catches it yet.
    assert not loaded_after("import ioebss.cli, ioebss.doctor_cli") & {*HEAVY, "numpy", "cv2"}


def test_names_load_no_engine() -> None:
    modules = loaded_after("from ioebss import Segmenter, Session, Click, Manifest")
    assert "numpy" in modules
    assert not modules & set(HEAVY)


def test_every_public_name_exists() -> None:
    import ioebss

    for name in ioebss.__all__:
        value = getattr(ioebss, name)
        assert value.is_file() if name.startswith("BUNDLED") else value.__name__ == name
    assert set(ioebss.__all__) <= set(dir(ioebss))


def test_the_version_is_that_of_the_package() -> None:
    import ioebss

    metadata = Path(__file__).parents[2] / "pyproject.toml"
    assert ioebss.__version__ == tomllib.loads(metadata.read_text("utf-8"))["project"]["version"]
    with pytest.raises(AttributeError, match="no attribute '__wheel__'"):
        ioebss.__wheel__  # noqa: B018
