"""Firefox, where there is one, by Marionette, the protocol that it speaks itself: no driver beside it is needed.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html: a message is its length, a colon, and JSON:
[0, id, command, parameters] or [1, id, error, result].
"""

import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

FIREFOX: Final = shutil.which("firefox-esr") or shutil.which("firefox")

START_SECONDS: Final = 60.0
CALL_SECONDS: Final = 30.0


class Firefox:
    """A page of it.

    Args:
        connection: to its port.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._stream = connection.makefile("rwb")
        self._number = 0
        self._receive()  # what it is
        self._ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})

    def open(self, url: str) -> None:
        """Go to an address."""
        self._ask("WebDriver:Navigate", url=url)

    def reload(self) -> None:
        """Load the page again."""
        self._ask("WebDriver:Refresh")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function's body returns."""
        return self._ask("WebDriver:ExecuteScript", script=script, args=list(arguments))["value"]

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + CALL_SECONDS
        while not self.run(f"return Boolean({expression})"):
            assert time.monotonic() < end, (
                f"{expression} does not come true: {self.run('return document.body.innerText')}"
            )
            time.sleep(0.05)

    def give(self, selector: str, path: Path) -> None:
        """Choose a file."""
        self._ask("WebDriver:ElementSendKeys", id=self._find(selector), text=str(path))

    def click(self, selector: str) -> None:
        """Click on an element."""
        self._ask("WebDriver:ElementClick", id=self._find(selector))

    def screenshot(self) -> bytes:
        """The whole page as a PNG."""
        return base64.b64decode(self._ask("WebDriver:TakeScreenshot", full=True)["value"])

    def _find(self, selector: str) -> str:
        found = self._ask("WebDriver:FindElement", using="css selector", value=selector)["value"]
        (reference,) = found.values()
        return str(reference)

    def _ask(self, command: str, **parameters: Any) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, command, parameters]).encode()
        self._stream.write(b"%d:%s" % (len(message), message))
        self._stream.flush()
        _, number, error, result = self._receive()
        assert number == self._number
        assert error is None, f"{command}: {error}"
        return result

    def _receive(self) -> Any:
        length = b""
        while (digit := self._stream.read(1)) != b":":
            assert digit, "Firefox has ended"
            length += digit
        return json.loads(self._stream.read(int(length)))


@contextmanager
def running(folder: Path) -> Iterator[Firefox]:
    """Firefox without a window, as long as the block, with a profile of its own in an empty folder."""
    assert FIREFOX
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "user.js").write_text(f'user_pref("marionette.port", {port});\n')
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with _connection(port) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()


def _connection(port: int) -> socket.socket:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < end, "Firefox does not start"
            time.sleep(0.2)
        else:
            connection.settimeout(CALL_SECONDS)
            return connection
