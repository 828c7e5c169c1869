"""The page's own parts that need no browser: its JavaScript that asks the server, in node, and its colours."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import javascript
import live
import numpy as np
import pytest
from live import FACE, Live

from anime2real.bundle.format import Bundle
from anime2real.web.routes import PAGE


def test_it_asks_with_the_fields_of_a_form(server: Live) -> None:
    picture = np.frombuffer(FACE, np.uint8)
    with javascript.modules(PAGE) as page:
        offered = page("api.js", "ask", f"{server.url}/v1/methods", {})
        assert offered["limits"]["max_bytes"] == 16 * 2**20
        fields = {"to": "real", "layout": "pair"}
        made = page("api.js", "ask", f"{server.url}/v1/translate", {"picture": picture, "fields": fields})
        assert made["layout"] == "pair"
        assert made["results"][0]["size"] == [32, 16]
        with pytest.raises(javascript.JavaScriptError, match="To is 'manga': give one of") as failed:
            page("api.js", "ask", f"{server.url}/v1/translate", {"picture": picture, "fields": {"to": "manga"}})
        assert failed.value.status == 400


def test_it_asks_for_the_token_until_it_is_right(bundles: list[Bundle]) -> None:
    words = iter(["wrong", "letmein"])
    asked: list[bool] = []

    def token(wrong: bool) -> str:
        asked.append(wrong)
        return next(words)

    with live.running(bundles, token="letmein") as locked, javascript.modules(PAGE, {"token": token}) as page:
        options = {"askToken": {"callback": "token"}}
        assert page("api.js", "ask", f"{locked.url}/v1/methods", options)["methods"]
        assert asked == [False, True]
        assert page("api.js", "ask", f"{locked.url}/v1/methods", options)["methods"]  # it keeps the token
        assert len(asked) == 2


@pytest.fixture
def busy() -> Iterator[str]:
    """The address of a server that answers 503 once."""
    statuses = iter([503, 200])

    class Busy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(statuses))
            self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(b'{"answer": 1}')

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with live.http_server(Busy) as address:
        yield address


def test_it_waits_while_the_server_is_busy(busy: str) -> None:
    lines: list[str] = []
    with javascript.modules(PAGE, {"report": lines.append}) as page:
        assert page("api.js", "ask", busy, {"report": {"callback": "report"}}) == {"answer": 1}
    assert lines == ["The server is busy. Next try in 1 s…"]


def test_a_server_that_is_gone_is_one_line() -> None:
    gone = "The server does not answer: see"
    with javascript.modules(PAGE) as page, pytest.raises(javascript.JavaScriptError, match=gone):
        page("api.js", "ask", "http://127.0.0.1:9/", {})


def colours(scheme: str) -> dict[str, str]:
    """The custom properties that are colours, by name."""
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    light, dark = style.split("@media (prefers-color-scheme: dark)", 1)
    rules = light if scheme == "light" else dark.split("\n}\n", 1)[0]
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{3,6})\b", rules))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    digits = colour.removeprefix("#")
    digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    channels = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    red, green, blue = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("front", "back"),
    [
        ("--ink", "--ground"), ("--soft", "--ground"), ("--soft", "--panel"), ("--accent", "--ground"),
        ("--on-accent", "--accent"), ("--bad", "--bad-ground"), ("--soft", "--well"), ("--ink", "--raised"),
        ("--ink", "--accent-soft"), ("--soft", "--accent-soft"), ("--accent", "--panel"),
    ],
)  # fmt: skip
def test_text_has_contrast(scheme: str, front: str, back: str) -> None:
    known = colours(scheme)
    darker, lighter = sorted([luminance(known[front]), luminance(known[back])])
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5  # WCAG 2.2, AA
