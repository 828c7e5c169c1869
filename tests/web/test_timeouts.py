"""Clients that are slow, that disconnect, or that are too many: none of them holds up the others."""

import asyncio
import concurrent.futures
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import live
import numpy as np
import pytest
from live import FACE, Live
from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.face.geometry import Face
from anime2real.image.decode import Decoded, decode
from anime2real.web.batcher import Landmarks, Pixels
from anime2real.web.translators import ParallelTranslator

BOUNDARY = b"cut"
HEAD = b'--cut\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
TAIL = b"\r\n--cut--\r\n"


def until(true: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


class Gate:
    """A network that waits until it is opened; counts what goes through."""

    def __init__(self) -> None:
        self.open, self.entered = threading.Event(), threading.Event()
        self.crops = 0

    def __call__(self, pixels: Pixels, landmarks: Landmarks, /) -> Pixels:
        del landmarks
        self.entered.set()
        assert self.open.wait(20)
        self.crops += len(pixels)
        return np.asarray(255 - pixels)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """In the place of every network."""
    gate = Gate()
    monkeypatch.setattr(
        "anime2real.web.translators.ParallelTranslator.__call__",
        lambda _, pixels, landmarks, *__: gate(pixels, landmarks),
    )
    yield gate
    gate.open.set()


def request(path: str, length: int, host: str) -> bytes:
    """The head of a POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Content-Type: multipart/form-data; boundary=cut"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def connected(served: Live) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    connection.settimeout(10)
    return connection


def read(connection: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    parts = []
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def _drain(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def test_a_client_that_stops_sending_gets_408_and_others_go_on(bundles: list[Bundle]) -> None:
    with live.running(bundles, idle_seconds=0.5) as served, connected(served) as slow:
        body = HEAD + FACE + TAIL
        slow.sendall(request("/v1/faces", len(body), "localhost") + body[:1000])
        assert served.post("/v1/translate").status_code == 200  # while the other hangs
        answer = read(slow)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"nothing came" in answer
        until(lambda: served.state.body_bytes.held == 0)


def test_a_client_that_sends_too_slowly_gets_408(bundles: list[Bundle]) -> None:
    with live.running(bundles, idle_seconds=0.5, body_seconds=0.6) as served, connected(served) as slow:
        body = HEAD + FACE + TAIL
        slow.sendall(request("/v1/faces", len(body), "localhost") + HEAD)
        for piece in range(20):
            try:
                slow.sendall(FACE[piece : piece + 1])
            except OSError:
                break
            time.sleep(0.05)
        answer = read(slow)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within 0.6 s" in answer


def test_headers_that_never_end_close_the_connection(bundles: list[Bundle]) -> None:
    with live.running(bundles, idle_seconds=0.3) as served, connected(served) as slow, connected(served) as silent:
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")
        start = time.monotonic()
        assert read(slow) == read(silent) == b""
        assert time.monotonic() - start < 3


def test_an_answer_that_the_client_does_not_read_is_given_up(bundles: list[Bundle]) -> None:
    big = np.random.default_rng(0).integers(0, 256, (1200, 1600, 3), np.uint8)  # noise makes a large PNG
    buffer = io.BytesIO()
    Image.fromarray(big).save(buffer, "JPEG", quality=90)
    content = buffer.getvalue()
    body = HEAD + content + b"".join(
        b'\r\n--cut\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s' % pair
        for pair in ((b"face", b"centre"), (b"to", b"real"), (b"layout", b"paste"))
    ) + TAIL  # fmt: skip
    with live.running(bundles, idle_seconds=0.5) as served, connected(served) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(request("/v1/translate", len(body), "localhost") + body)
        until(lambda: len(served.state.queue) == 1)
        until(lambda: len(served.state.queue) == 0 and served.state.body_bytes.held == 0, 20)
        time.sleep(1.5)
        with pytest.raises(ConnectionResetError):
            _drain(deaf)


def test_work_of_a_client_that_has_gone_is_dropped(bundles: list[Bundle], gate: Gate) -> None:
    with live.running(bundles) as served, concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(served.post, "/v1/translate")
        assert gate.entered.wait(5)
        body = HEAD + FACE + TAIL
        with connected(served) as dying:
            dying.sendall(request("/v1/translate", len(body), "localhost") + body)
            until(lambda: len(served.state.queue) == 2)
        until(lambda: len(served.state.queue) == 1)
        gate.open.set()
        assert first.result().status_code == 200
        assert gate.crops == 1
        until(lambda: served.state.body_bytes.held == 0)


def test_too_many_requests_get_503(bundles: list[Bundle], gate: Gate) -> None:
    with live.running(bundles, queue=2) as served, concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(served.post, "/v1/translate") for _ in range(2)]
        until(lambda: len(served.state.queue) == 2)
        rejected = served.post("/v1/translate")
        assert rejected.status_code == 503
        assert int(rejected.headers["retry-after"]) >= 1
        assert "try again in" in rejected.json()["error"]
        assert served.client.get("/healthz").json()["waiting"] == 2  # the loop is free
        gate.open.set()
        assert [f.result().status_code for f in waiting] == [200, 200]
        assert served.post("/v1/translate").status_code == 200


def test_too_many_bytes_at_once_get_503(bundles: list[Bundle]) -> None:
    with live.running(bundles, held_bytes=len(FACE) + 5000) as served, connected(served) as holding:
        body = HEAD + FACE + TAIL
        holding.sendall(request("/v1/faces", len(body), "localhost") + body[:-100])
        until(lambda: served.state.body_bytes.held > len(FACE) - 5000)
        rejected = served.post("/v1/faces")
        assert rejected.status_code == 503
        assert "retry-after" in rejected.headers
        holding.sendall(body[-100:])
        assert holding.recv(100).startswith(b"HTTP/1.1 200 ")
        assert served.post("/v1/faces").status_code == 200


def test_work_that_takes_too_long_gets_504(bundles: list[Bundle], gate: Gate) -> None:
    with live.running(bundles, timeout_seconds=0.4) as served:
        late = served.post("/v1/translate")
        assert late.status_code == 504
        assert "0.4 s" in late.json()["error"]
        assert len(served.state.queue) == 0
        gate.open.set()
        assert served.post("/v1/faces").status_code == 200


def test_work_stops_once_its_504_is_sent(bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[float] = []
    searched: list[Image.Image] = []

    def search(image: Image.Image) -> list[Face]:
        searched.append(image)
        return []

    monkeypatch.setattr("anime2real.web.service.default_finder", lambda _: search)

    def slow(*arguments: Any, **options: Any) -> Decoded:
        entered.append(time.monotonic())
        time.sleep(1.0)
        return decode(*arguments, **options)

    with live.running(bundles, timeout_seconds=0.4, threads=1) as served:
        searched.clear()  # of the try at the start
        monkeypatch.setattr("anime2real.web.service.decode", slow)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            late = list(pool.map(served.post, ["/v1/faces"] * 4))
        assert [answer.status_code for answer in late] == [504] * 4
        assert len(served.state.queue) == served.state.body_bytes.held == 0
        assert len(entered) == 2  # the other two did not begin: there are two threads
        time.sleep(0.2)
        assert not searched


def test_a_form_that_is_none_is_not_logged(
    server: Live, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=cut"}
    for content in (b"secret words", b"--cut\r\nsecret: words", b"--cut\r\n\r\nx\r\n--cut--secret words"):
        assert server.client.post("/v1/faces", content=content, headers=kind).status_code == 400
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_requests_meet_in_a_batch_and_get_what_one_alone_gets(
    bundles: list[Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    translate, sizes = ParallelTranslator.__call__, list[int]()

    def noted(self: ParallelTranslator, pixels: Pixels, *rest: Any) -> Pixels:
        sizes.append(len(pixels))
        return translate(self, pixels, *rest)

    monkeypatch.setattr(ParallelTranslator, "__call__", noted)

    async def together(url: str, count: int) -> list[bytes]:
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
            posts = (client.post("/v1/translate", files={"picture": ("x", FACE)}) for _ in range(count))
            return [response.content for response in await asyncio.gather(*posts)]

    answers: dict[int, Any] = {}
    for size in (1, 8):
        with live.running(bundles, batch=size, batch_wait_ms=300) as served:
            answers[size] = asyncio.run(together(served.url, 8))
        assert sum(sizes) == 8
        assert len(sizes) == 8 if size == 1 else len(sizes) < 8
        sizes.clear()
    assert len(set(answers[1] + answers[8])) == 1
