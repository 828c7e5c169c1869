"""`serve` on the command line; and that nothing else needs what it needs."""

import signal
import socket
import subprocess
import sys

import httpx
import pytest

from anime2real.cli.main import main

WITHOUT = """
import importlib.util, sys
find = importlib.util.find_spec
extra = ("fastapi", "uvicorn", "starlette", "python_multipart")
importlib.util.find_spec = lambda name, *rest: None if name in extra else find(name, *rest)
for name in extra:
    sys.modules[name] = None
from anime2real.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("arguments", [["methods"], ["--help"], ["serve", "--help"], ["inspect", "examples/aoi.png"]])
def test_nothing_but_serving_needs_the_extra(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_missing_extra_is_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, "serve"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert 'pip install "anime2real[web]"' in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--port", "99999"], 2, "--port must be from 0 to 65,535"),
        (["--batch", "9"], 2, "--batch must be from 1 to 8"),
        (["--batch", "0"], 2, "--batch must be from 1 to 8"),
        (["--queue", "0"], 2, "--queue"),
        (["--timeout", "0"], 2, "--timeout must be from 0.01"),
        (["--timeout", "nan"], 2, "--timeout"),
        (["--max-megabytes", "inf"], 2, "--max-megabytes"),
        (["--max-megapixels", "0"], 2, "--max-megapixels"),
        (["--token", "two words"], 2, "no spaces"),
        (["--host", "nowhere.invalid"], 1, "cannot be listened at"),
    ],
)
def test_wrong_options_are_one_line(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == code
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert says in printed


UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_asked_to_end_and_says_nothing_of_what_strangers_send(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "anime2real", "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http://127.0.0.1:"))
        assert httpx.get(f"{url}healthz", timeout=20, trust_env=False).json()["status"] == "ok"
        taken = subprocess.run(
            [*command[:-1], url.rstrip("/").rsplit(":", 1)[1]], capture_output=True, text=True, check=False
        )
        assert taken.returncode == 1
        assert "in use" in taken.stderr
        for sent in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE, b"GET / HT"):
            with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0), timeout=20) as connection:
                connection.sendall(sent)
                if sent.endswith(b"\r\n\r\n"):
                    assert connection.recv(12).startswith(b"HTTP/1.1 ")
        server.send_signal(number)
        _, printed = server.communicate(timeout=20)
        assert server.returncode == 0
        assert printed == ""
    finally:
        server.kill()
