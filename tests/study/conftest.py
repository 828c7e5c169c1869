"""Answers are not waited for until they lie on the disk: there are many, and a busy disk takes its time."""

import sqlite3
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute("pragma synchronous = off")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connected)
