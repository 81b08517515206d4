"""Two trainings in one folder would destroy each other's checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from ioebss.errors import OutputError, UsageError
from ioebss.trainer.run_folder import locked


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    expected = pytest.raises(UsageError, match="another ioebss-train is at work")
    with locked(folder), expected, locked(folder):
        pass
    with locked(folder):  # free again
        pass


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), locked(tmp_path / "run"):
        pass
