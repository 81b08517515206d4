"""Schemathesis: what the description says is what the service does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

EXAMPLES = 12


def test_schemathesis_finds_nothing(served: Any, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("schemathesis")
    result = subprocess.run(
        [
            *(str(program), "run", f"{served.address}openapi.json"),
            *(
                "--seed",
                "1",
                "--max-examples",
                str(EXAMPLES),
                "--phases",
                "examples,coverage,fuzzing",
            ),
            *("--no-color", "--generation-database", "none"),
        ],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
