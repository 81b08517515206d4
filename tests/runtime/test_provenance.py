"""Where a result comes from."""

from __future__ import annotations

import json
import subprocess

from ioebss import provenance


def test_commit_of_a_checkout_and_of_a_copy_inside_one(tmp_path, monkeypatch) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    tracked, copy = tmp_path / "tracked.py", tmp_path / "copy.py"
    tracked.write_text("a")
    monkeypatch.setattr(provenance, "__file__", str(tracked))
    assert provenance.commit() is None  # no checkout at all
    git("init", "-q")
    git("add", "tracked.py")
    git("commit", "-qm", "first")
    git("tag", "v1")
    assert provenance.commit() == git("rev-parse", "HEAD")
    tracked.write_text("b")
    assert provenance.commit() == git("rev-parse", "HEAD") + "-dirty"
    copy.write_text("c")
    monkeypatch.setattr(provenance, "__file__", str(copy))
    assert provenance.commit() is None


def test_provenance_is_ready_for_json() -> None:
    stored = json.loads(json.dumps(provenance.provenance("ioebss-bench --data x")))
    assert stored["command"] == "ioebss-bench --data x"
    assert stored["versions"]["numpy"]
    assert "core" in stored["device"]
