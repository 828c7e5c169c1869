"""Pictures a second of `anime2real serve`, micro-batched against unbatched and plain; then 200 clients at once.

    python benchmarks/serve.py [--method cyclegan] [--rounds 4] [--round-seconds 8] [--seconds 20]

Three servers run: ours with `--batch 8`; ours with `--batch 1` (each face alone through the network, over all threads);
and, plain, how one would write it first: a FastAPI endpoint that calls `Translator` on each request. They take turns:
`--clients` clients each send one drawing of `examples/` after the other. Then `--crowd` clients beset ours for
`--seconds`; whoever is told 503 comes back after the seconds told. Beside them some send their picture a byte a second
and some hang up once they have sent it. The clients share the cores with the server. The last line is JSON.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
SLOW, DYING = 10, 10
"""Of the crowd's bad neighbours, on top of its clients."""


@dataclass
class Tally:
    """What clients met."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    broken: int = 0


def requests(method: str) -> list[bytes]:
    """A whole POST of each example."""
    made = []
    for path in sorted(EXAMPLES.glob("*.png")):
        body = (
            b'--cut\r\nContent-Disposition: form-data; name="method"\r\n\r\n' + method.encode()
            + b'\r\n--cut\r\nContent-Disposition: form-data; name="to"\r\n\r\nreal'
            + b'\r\n--cut\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
            + path.read_bytes() + b"\r\n--cut--\r\n"
        )  # fmt: skip
        head = (
            "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=cut\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def plain(method: str) -> None:
    """Serve without any of ours but the library."""
    import uvicorn
    from fastapi import FastAPI, Form, Response, UploadFile

    from anime2real.image.decode import decode
    from anime2real.image.files import encode
    from anime2real.translator import Translator
    from anime2real.web.server import open_listener

    app, translator = FastAPI(), Translator.load(method, "real")

    @app.post("/v1/translate")
    def translate(picture: UploadFile, method: str = Form(), to: str = Form()) -> Response:
        del method, to
        image = decode(picture.file.read()).image
        return Response(encode(translator(image), "PNG"), media_type="image/png")

    listener = open_listener("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own, ours with arguments or the plain one: its port and its process id."""
    ours = [sys.executable, "-m", "anime2real", "serve", "--port", "0"]
    command = [*([sys.executable, __file__] if "--plain" in arguments else ours), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if "http://" not in line:
            raise SystemExit("the server does not start")
        yield int(line.split("http://", 1)[1].split("/", 1)[0].rsplit(":", 1)[1]), process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """That a process has taken so far, which neighbours on the machine change less than its pace."""
    times = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(pid: int, key: str) -> float:
    """Resident memory: `VmRSS` now, `VmHWM` at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {key}")


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer, whose body is read and forgotten."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1]), headers


async def client(port: int, posts: list[bytes], first: int, end: float, tally: Tally) -> None:
    """Send one picture after the other until `end`; the last one is waited for."""
    number = first
    while time.monotonic() < end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            tally.broken += 1
            await asyncio.sleep(0.1)
            continue
        try:
            while time.monotonic() < end:
                start = time.monotonic()
                writer.write(posts[number % len(posts)])
                await writer.drain()
                status, headers = await answer(reader)
                tally.statuses[status] += 1
                if status == 200:
                    tally.seconds.append(time.monotonic() - start)
                    number += 1
                elif status == 503:
                    await asyncio.sleep(min(float(headers["retry-after"]), max(0.0, end - time.monotonic())))
                    break  # the server closes a connection that idles for so long
        except (OSError, asyncio.IncompleteReadError):
            tally.broken += 1
        finally:
            writer.close()


async def slow(port: int, posts: list[bytes], end: float) -> None:
    """Send a byte a second."""
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(posts[0][:2000])
            for byte in posts[0][2000:]:
                if time.monotonic() > end or writer.is_closing():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(1)
            writer.close()


async def dying(port: int, posts: list[bytes], end: float) -> None:
    """Send a picture, and hang up."""
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(posts[0])
            await writer.drain()
            writer.close()
        await asyncio.sleep(1)


async def load(
    port: int, posts: list[bytes], clients: int, seconds: float, *, bad: bool = False
) -> tuple[Tally, float]:
    """What so many clients met, and the seconds it took."""
    tally, start = Tally(), time.monotonic()
    end = start + seconds
    neighbours = [asyncio.create_task(way(port, posts, end)) for way in (slow, dying) for _ in range(SLOW * bad)]
    await asyncio.gather(*(client(port, posts, first, end, tally) for first in range(clients)))
    for task in neighbours:
        task.cancel()
    await asyncio.gather(*neighbours, return_exceptions=True)
    return tally, time.monotonic() - start


def throughput(
    servers: dict[str, tuple[int, int]], posts: list[bytes], options: argparse.Namespace
) -> dict[str, list[tuple[float, float]]]:
    """Pictures a second, and CPU milliseconds a picture, of each server, in rounds that take turns."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for number in range(options.rounds + 1):
        for name, (port, pid) in servers.items():
            before = cpu_seconds(pid)
            tally, seconds = asyncio.run(load(port, posts, options.clients, options.round_seconds if number else 2))
            if set(tally.statuses) != {200} or tally.broken:
                raise SystemExit(f"{name}: not all went well: {dict(tally.statuses)}, {tally.broken} broken")
            if number:  # the first round warms up
                count = tally.statuses[200]
                measured[name].append((count / seconds, 1000 * (cpu_seconds(pid) - before) / count))
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="cyclegan")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--round-seconds", type=float, default=8)
    parser.add_argument("--crowd", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        return plain(options.method)
    posts = requests(options.method)

    line: dict[str, object] = {"method": options.method, "clients": options.clients}
    with served("--batch", "8") as ours, served("--batch", "1") as single, served(
        "--plain", "--method", options.method
    ) as other:  # fmt: skip
        measured = throughput({"batched": ours, "unbatched": single, "plain": other}, posts, options)
    for name, rounds in measured.items():
        rates, costs = zip(*rounds, strict=True)
        rate, cost = statistics.median(rates), statistics.median(costs)
        print(
            f"{options.method}, {options.clients} clients, {name}: {rate:.2f} pictures/s "
            f"({min(rates):.2f} to {max(rates):.2f} in {options.rounds} rounds), {cost:.0f} ms of CPU a picture"
        )
        line |= {f"pictures_per_second_{name}": round(rate, 3), f"cpu_ms_per_picture_{name}": round(cost, 1)}
    for name in ("unbatched", "plain"):
        ratios = [a / b for (a, _), (b, _) in zip(measured["batched"], measured[name], strict=True)]
        line[f"ratio_to_{name}"] = round(statistics.median(ratios), 3)
        print(f"micro-batched to {name}: {statistics.median(ratios):.2f}× ({min(ratios):.2f} to {max(ratios):.2f})")
    with served("--batch", "8") as (port, pid):
        asyncio.run(load(port, posts, 8, 2))
        before = megabytes(pid, "VmRSS")
        tally, seconds = asyncio.run(load(port, posts, options.crowd, options.seconds, bad=True))
        most, after = megabytes(pid, "VmHWM"), megabytes(pid, "VmRSS")
    times = statistics.quantiles(tally.seconds, n=100) if len(tally.seconds) > 1 else [0.0] * 99
    server_errors = sum(count for status, count in tally.statuses.items() if status >= 500 and status != 503)
    print(
        f"{options.crowd} clients, {SLOW} slow and {DYING} dying ones for {options.seconds:g} s: "
        f"{tally.statuses[200] / seconds:.2f} pictures/s, {server_errors} × other 5xx, {tally.broken} broken, "
        f"{tally.statuses[503]} × 503; answered in {times[49]:.1f} s (median), {times[94]:.1f} s (95 %); "
        f"memory {before:.0f} MB before, {most:.0f} at most, {after:.0f} after"
    )
    line |= {
        "crowd": options.crowd, "seconds": round(seconds, 1), "statuses": dict(sorted(tally.statuses.items())),
        "server_errors": server_errors, "broken": tally.broken, "median_seconds": round(times[49], 2),
        "p95_seconds": round(times[94], 2), "megabytes_before": round(before), "megabytes_most": round(most),
    }  # fmt: skip
    print(json.dumps(line))


if __name__ == "__main__":
    main()
