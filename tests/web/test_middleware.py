"""The middleware: who may ask, and the headers of every response."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import live
import pytest
from live import Live

from anime2real.bundle.format import Bundle
from anime2real.web.routes import PAGE

TOKEN = "s3cret-word"


@pytest.fixture(scope="module")
def locked(bundles: list[Bundle]) -> Iterator[Live]:
    with live.running(bundles, token=TOKEN) as served:
        yield served


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/style.css", "/healthz", "/v1/methods", "/nothing"])
def test_every_response_carries_the_security_headers(server: Live, path: str) -> None:
    headers = server.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_no_result_is_kept_by_a_cache(server: Live) -> None:
    assert server.post("/v1/translate").headers["cache-control"] == "no-store"
    assert server.post("/v1/translate", b"").headers["cache-control"] == "no-store"


def test_a_rejected_request_gets_the_security_headers_too(locked: Live) -> None:
    assert "content-security-policy" in locked.client.get("/v1/methods").headers


def test_the_token(locked: Live) -> None:
    for header in (
        {},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer no"},
        {"Authorization": "Bearer"},
    ):
        for response in (locked.client.get("/v1/methods", headers=header), locked.post("/v1/faces", headers=header)):
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
            assert "token" in response.json()["error"]
            assert TOKEN not in response.text
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert locked.client.get("/v1/methods", headers=right).status_code == 200
    assert locked.post("/v1/translate", headers=right).status_code == 200
    assert locked.client.get("/v1/methods", headers={b"Authorization": "Bearer caf\u00e9".encode()}).status_code == 401
    for free in ("/", "/healthz", "/openapi.json"):
        assert locked.client.get(free).status_code == 200
    security = locked.client.get("/openapi.json").json()["components"]["securitySchemes"]
    assert security == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}


def test_dns_rebinding_is_rejected(server: Live, bundles: list[Bundle]) -> None:
    other = {"Host": "evil.example"}
    assert server.client.get("/v1/methods", headers=other).status_code == 421
    assert server.client.get("/v1/methods", headers={"Host": f"localhost:{server.port}"}).status_code == 200
    with live.running(bundles, host_names=("Faces.example",)) as named:
        assert named.client.get("/healthz", headers={"Host": "faces.example"}).status_code == 200


def test_another_site_s_page_may_not_post(server: Live) -> None:
    assert server.post("/v1/faces", headers={"Origin": "https://evil.example"}).status_code == 403
    assert server.post("/v1/faces", headers={"Origin": "null"}).status_code == 403
    assert server.post("/v1/faces", headers={"Origin": server.url}).status_code == 200
    assert "access-control-allow-origin" not in server.post("/v1/faces", headers={"Origin": server.url}).headers


def test_an_internal_error_tells_nothing_of_its_cause(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(server.state.service, "find_faces", broken)
    response = server.post("/v1/faces")
    assert response.status_code == 500
    assert "inside" not in response.text
    assert "broke" in response.json()["error"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_requests_are_not_logged(server: Live, capfd: pytest.CaptureFixture[str]) -> None:
    server.post("/v1/translate")
    server.post("/v1/faces", b"broken")
    server.client.get("/nothing")
    assert capfd.readouterr() == ("", "")


class PageParser(HTMLParser):
    """The links of a page, and the parts of it that would need `unsafe-inline`."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self.tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        for name, value in attrs:
            if name in ("src", "href"):
                self.links.append(value or "")
            if name == "style" or name.startswith("on"):
                self.inline.append(name)

    def handle_data(self, data: str) -> None:
        if self.tag in ("script", "style") and data.strip():
            self.inline.append(data)


def test_the_page_loads_nothing_from_elsewhere(server: Live) -> None:
    parser = PageParser()
    parser.feed(server.client.get("/").text)
    assert not parser.inline
    for link in parser.links:
        assert link.startswith(("/", "#"))
        if link.startswith("/"):
            assert server.client.get(link).status_code == 200, link
    for file in (path for path in PAGE.iterdir() if path.is_file()):
        outside = re.findall(r"https?://[^\s\"')]+", file.read_text("utf-8"))
        assert set(outside) <= {"http://www.w3.org/2000/svg"}, file


def test_nothing_but_the_page_s_files_is_served(server: Live) -> None:
    secret = Path(live.__file__).name
    for path in ("/page/../app.py", "/page/%2e%2e/app.py", f"/page/%2e%2e/%2e%2e/{secret}", "/page/", "/page/nothing"):
        assert server.client.get(path).status_code == 404
