"""The settings of a server: its address, limits, timeouts, and who may ask."""

import ipaddress
from dataclasses import dataclass

from anime2real.bundle.limits import BATCH
from anime2real.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """The limits of a server; the defaults suit two cores.

    Attributes:
        host, port: to listen at; port 0 takes a free one.
        token: that clients must send; None if they need none.
        host_names: names, besides the loopback's, that a server without a token answers to (1 to 253 characters each).
        max_bytes: of a picture's file.
        max_pixels: width times height of a picture.
        queue: requests that wait or are in work; further ones get 503.
        timeout_seconds: from a picture's arrival to its answer.
        body_seconds: for a request's body to arrive.
        idle_seconds: between two pieces of a request, and for a client to read a piece of an answer.
        batch: crops a call of the network at most.
        batch_wait_ms: how long the first crop of a batch waits for others.
        threads: CPU threads of the network; None for all that this process may use.
        held_bytes: of all bodies in memory together.
        held_pixels: of all decoded pictures together; a smaller picture counts as a million pixels.

    Raises:
        UsageError: a number is out of range or the token cannot be sent in a header.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    host_names: tuple[str, ...] = ()
    max_bytes: int = 16 * 2**20
    max_pixels: int = 26_000_000
    queue: int = 64
    timeout_seconds: float = 60.0
    body_seconds: float = 30.0
    idle_seconds: float = 10.0
    batch: int = BATCH
    batch_wait_ms: float = 10.0
    threads: int | None = None
    held_bytes: int = 256 * 2**20
    held_pixels: int = 64_000_000

    def __post_init__(self) -> None:
        ranges: dict[str, tuple[float, float]] = {
            "port": (0, 65535), "max_bytes": (1, 2**30), "max_pixels": (1, 10**9), "queue": (1, 10_000),
            "timeout_seconds": (0.01, 3600), "body_seconds": (0.01, 3600), "idle_seconds": (0.01, 3600),
            "batch": (1, BATCH), "batch_wait_ms": (0, 1000), "threads": (1, 1024),
            "held_bytes": (1, 2**40), "held_pixels": (1, 10**12),
        }  # fmt: skip
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                option = name.removesuffix("_seconds").removesuffix("_ms").replace("_", "-")
                raise UsageError(f"--{option} must be from {low:,} to {high:,}, not {value:,}")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token.split()):
            raise UsageError("the token must be printable ASCII characters, one at least")
        if self.token is not None and (" " in self.token or len(self.token) > 1024):
            raise UsageError("the token must have no spaces and 1,024 characters at most")
        if not self.host:
            raise UsageError("--host must be an address or a name, such as 127.0.0.1 or 0.0.0.0")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
