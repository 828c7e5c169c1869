"""A request that is refused: its status, and one line that says why and what to do."""

from anime2real.errors import UserError


class Refusal(UserError):
    """Told to the client as JSON, `{"error": line}`.

    Args:
        status: HTTP, 400 to 599.
        line: what is wrong and what to do.
        retry_after: seconds after which it may go better, told in `Retry-After`.
    """

    def __init__(self, status: int, line: str, *, retry_after: int | None = None) -> None:
        super().__init__(line)
        self.status, self.retry_after = status, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the status."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status in (408, 413):  # the rest of the body is not waited for
            headers["Connection"] = "close"
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})
