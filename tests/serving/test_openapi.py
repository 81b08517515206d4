"""Schemathesis: what the OpenAPI description says is what the service does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

# A schema cannot say that bytes are a photo, or that a click is inside one that was sent before:
# these operations may refuse what is valid by it, with these statuses and no others.
BEYOND_SCHEMAS = {
    "/v1/sessions": [415],
    "/v1/segment": [400, 415, 422],
    "/v1/sessions/{id}/start": [415, 422],
    "/v1/sessions/{id}/clicks": [422],
    "/label-studio/predict": [422],
}
ACCEPTED = ["2xx", 404, 409]


def configuration(name: str) -> str:
    """Of schemathesis: fuzzed operations meet a session that there is."""
    lines = []
    for path, statuses in BEYOND_SCHEMAS.items():
        lines += ["[[operations]]", f'include-path = "{path}"', ""]
        lines[-1] = f"checks.positive_data_acceptance.expected-statuses = {ACCEPTED + statuses}"
    for action in ("clicks", "start", "undo", "redo", "reset", "result", "photo"):
        path = f"/v1/sessions/{{id}}/{action}"
        lines += ["[[operations]]", f'include-path = "{path}"', f'parameters = {{ id = "{name}" }}']
    return "\n".join(lines) + "\n"


def test_schemathesis_finds_nothing(served: Any, cat: bytes, tmp_path: Path) -> None:
    name = served.open(cat).rpartition("/")[2]
    (tmp_path / "schemathesis.toml").write_text(configuration(name))
    result = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{served.address}openapi.json",
            *("--seed", "1", "--max-examples", "6", "--generation-deterministic"),
            *("--no-color", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    assert served.client.get("/healthz").status_code == 200
