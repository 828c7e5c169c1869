"""The API as a page to read, made from its OpenAPI description: curl lines, fields, answers and errors."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

CURL: Final = {
    "/v1/translate": (
        "curl -F picture=@drawing.png {base}v1/translate -o person.png",
        "curl -F picture=@photo.jpg -F to=anime -F layout=paste -F face=all {base}v1/translate -o drawn.png",
        "curl -F picture=@drawing.png -F 'who=woman, 40' {base}v1/translate -o person.png",
        "curl -F picture=@drawing.png -F method=all {base}v1/translate   # JSON, with a PNG in base64 for each method",
        'curl -F picture=@group.jpg -F layout=paste -F \'replace=[{{"face": 0}}, {{"face": 1, "who": "man"}}]\' '
        "{base}v1/translate -o group.png",
    ),
    "/v1/faces": ("curl -F picture=@group.jpg {base}v1/faces",),
    "/v1/methods": ("curl {base}v1/methods",),
    "/healthz": ("curl {base}healthz",),
}
"""Lines to try, by path, in the order in which they are shown."""

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>The API of anime2real</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/style.css">
</head>
<body class="guide">
<header><p class="brand"><img src="/page/icon.svg" width="30" height="30" alt=""> anime2real</p>
<a href="/">The page</a></header>
<main id="main">
<h1>The API</h1>
<p>{description}</p>
<p>For programs, the same as <a href="/openapi.json">OpenAPI</a>.{token}</p>
{parts}
</main>
</body>
</html>
"""


def guide(openapi: Mapping[str, Any], base: str) -> str:
    """The page, HTML.

    Args:
        openapi: the description, as `/openapi.json` has it.
        base: the server's address, with a slash at its end, for the lines to try.
    """
    token = " Send the token: <code>-H 'Authorization: Bearer TOKEN'</code>." if "401" in str(openapi["paths"]) else ""
    parts = [
        "\n".join(_operation(path, method, operation, base))
        for path, methods in sorted(openapi["paths"].items(), key=lambda item: list(CURL).index(item[0]))
        for method, operation in methods.items()
    ]
    return _PAGE.format(description=_text(openapi["info"]["description"]), token=token, parts="\n".join(parts))


def _operation(path: str, method: str, operation: Mapping[str, Any], base: str) -> Iterator[str]:
    yield f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p>{_text(operation['summary'])}. {_text(operation.get('description', ''))}</p>"
    lines = "\n".join(line.format(base=base) for line in CURL.get(path, ()))
    if lines:
        yield f'<pre tabindex="0" aria-label="Lines to try {escape(path)}"><code>{escape(lines)}</code></pre>'
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data", {}).get("schema")
    if form:
        rows = [
            (f"<code>{escape(name)}</code>", _values(field), _text(field.get("description", "")))
            for name, field in form["properties"].items()
        ]
        yield _table(f"Fields of {path}", ("field", "values", ""), rows)
    answers = [
        (f"<code>{status}</code>", _text(a["description"])) for status, a in sorted(operation["responses"].items())
    ]
    yield _table(f"Answers of {path}", ("status", ""), answers)
    yield "</section>"


def _values(field: Mapping[str, Any]) -> str:
    """What a field may be, its default first; an example where any text may come."""
    default = str(field.get("default", ""))
    named = [f"<code>{escape(value)}</code>" for value in field.get("enum", ()) if value != default]
    if "minimum" in field:
        named = [f"{field['minimum']:g} to {field['maximum']:g}"]
    if "examples" in field:
        named = [f"as <code>{escape(field['examples'][0])}</code>"]
    if default:
        named.insert(0, f"<code>{escape(default)}</code> (if not given)")
    return ", ".join(named) or escape("a file" if field.get("format") == "binary" else "text")


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' if name else "<td></td>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{title}"><table><caption>{title}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _text(line: str) -> str:
    """A line in which `code` becomes code."""
    pieces = escape(line).split("`")
    return "".join(f"<code>{piece}</code>" if n % 2 else piece for n, piece in enumerate(pieces))
