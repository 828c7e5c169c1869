"""An error response: an HTTP status, and one line that says what is wrong and what to do."""

from starlette.responses import JSONResponse

from anime2real.errors import UserError


class HttpProblem(UserError):
    """A request that is answered with an error, as JSON: `{"error": line}`.

    Args:
        status: HTTP status, 400 to 599.
        line: what is wrong and what to do.
        retry_after: seconds after which the client may try again, sent as `Retry-After`.
    """

    def __init__(self, status: int, line: str, *, retry_after: int | None = None) -> None:
        super().__init__(line)
        self.status, self.retry_after = status, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """The response headers that this status needs."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status in (408, 413):  # the server does not read the rest of the body
            headers["Connection"] = "close"
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})

    def response(self) -> JSONResponse:
        """The response that is sent to the client."""
        return JSONResponse({"error": str(self)}, self.status, headers=self.headers)
