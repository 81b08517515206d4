"""Progress: lines where there is no terminal or no rich, silence where asked for."""

from __future__ import annotations

import pytest

from ioebss import progress
from ioebss.progress import Progress


def test_plain_lines_come_at_intervals_and_at_the_end(monkeypatch, capsys) -> None:
    clock = iter([0.0, 10.0, 40.0, 50.0, 60.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress(terminal=False).task("work", 4) as advance:
        for note in ("a", "b", "c", "d"):
            advance(note)
    shown = capsys.readouterr().err.splitlines()
    assert shown == ["work 2/4, 40 s left, b", "work 4/4, 0 s left, d"]


def test_work_that_was_done_before_does_not_count_as_speed(monkeypatch, capsys) -> None:
    clock = iter([0.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress(terminal=False).task("work", 103, done=100) as advance:
        advance()
    assert capsys.readouterr().err == "work 101/103, 80 s left\n"


def test_quiet_shows_nothing(capsys) -> None:
    quiet = Progress(quiet=True, terminal=True)
    quiet.say("hello")
    with quiet.task("work", 1) as advance:
        advance("note")
    assert capsys.readouterr().err == ""


def test_a_terminal_without_rich_gets_lines(monkeypatch, capsys) -> None:
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    with Progress(terminal=True).task("work", 1) as advance:
        advance()
    assert capsys.readouterr().err == "work 1/1, 0 s left\n"


def test_a_terminal_with_rich_gets_a_bar(capsys) -> None:
    pytest.importorskip("rich")
    with Progress(terminal=True).task("work", 2) as advance:
        advance("note")
        advance("note")
    assert "2/2" in capsys.readouterr().err
