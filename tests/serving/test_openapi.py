"""Schemathesis: what the OpenAPI description says is what the service does."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings

EXAMPLES = 12  # of each operation, besides those that cover the boundaries of its schema


@pytest.fixture(scope="module")
def schema(served: Any) -> Any:
    return schemathesis.openapi.from_url(f"{served.address}openapi.json")


@pytest.fixture(scope="module")
def session(served: Any, cat: bytes) -> str:
    return str(served.open(cat).rpartition("/")[2])


@schemathesis.pytest.from_fixture("schema").parametrize()
@seed(1)
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_is_found(case: Any, session: str, served: Any, cat: bytes) -> None:
    case.call_and_validate()
