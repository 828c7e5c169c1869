"""The command `serve`: the page and the API. It imports what the extra `web` brings only when it runs."""

import os

from anime2real.cli.extras import need_extra
from anime2real.errors import UsageError


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    name: list[str] | None = None,
    max_megabytes: float = 16,
    max_megapixels: float = 26,
    queue: int = 64,
    timeout: float = 60,
    batch: int = 8,
    batch_wait: float = 10,
    threads: int | None = None,
) -> int:
    """Serve the page and the API, to this machine alone unless --host says otherwise. Needs the extra `web`.

    Args:
        host: the address to listen at; 0.0.0.0 for everybody who can reach this machine.
        port: 0 for any that is free.
        token: what clients of the API must send; the page asks for it. Also read from ANIME2REAL_TOKEN.
        name: a host name to answer to, besides this machine's own, such as that of a proxy in front. May be repeated.
        max_megabytes: of a picture's file.
        max_megapixels: of a picture.
        queue: requests that wait or are in work at most; further ones get 503.
        timeout: seconds from a picture's arrival to its answer; after that the client gets 504.
        batch: crops that go through the network together; 1 to 8.
        batch_wait: milliseconds that the first of them waits for others.
        threads: CPU threads; all cores if not given.
    """
    need_extra("web", "serving")
    from anime2real.bundle.registry import shipped
    from anime2real.web.server import serve as run
    from anime2real.web.settings import Settings

    settings = Settings(
        host=host, port=port, token=token or os.environ.get("ANIME2REAL_TOKEN") or None, host_names=tuple(name or ()),
        max_bytes=_to_units("--max-megabytes", max_megabytes, 2**20), queue=queue,
        max_pixels=_to_units("--max-megapixels", max_megapixels, 10**6),
        timeout_seconds=timeout, batch=batch, batch_wait_ms=batch_wait, threads=threads,
    )  # fmt: skip
    run(shipped(), settings)
    return 0


def _to_units(option: str, value: float, unit: int) -> int:
    if not 0 < value <= 1000:
        raise UsageError(f"{option} must be above 0 and at most 1,000, not {value:g}")
    return max(1, round(value * unit))
