"""The tests do not wait until each of many answers lies on the disk, which is slow when the disk is busy."""

import sqlite3
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_disk_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute("pragma synchronous = off")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connected)
