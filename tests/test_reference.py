"""The reference pages are what the program's help and its docstrings say today."""

import pytest
import write_reference

import anime2real


@pytest.mark.parametrize("name", write_reference.PAGES)
def test_a_page_is_current(name: str) -> None:
    written = (write_reference.DOCS / name).read_text(encoding="utf-8")
    assert written == write_reference.PAGES[name](), f"run python scripts/write_reference.py and commit docs/{name}"


def test_every_public_name_is_on_the_page() -> None:
    page = write_reference.api()
    for name in anime2real.__all__:
        assert name == "__version__" or f"### `{name}`" in page


def test_a_docstring_becomes_lists() -> None:
    docstring = """Add.

    Args:
        a: the one, in a sentence that
            goes on.
        b: the other.

    Raises:
        ValueError: never.
    """
    told = "\n".join(write_reference.prose(docstring)).replace("\n\n", "\n")
    assert told.splitlines() == [
        "Add.", "Args:", "- `a`: the one, in a sentence that goes on.", "- `b`: the other.", "Raises:",
        "- `ValueError`: never.",
    ]  # fmt: skip


def test_a_long_call_has_an_argument_a_line() -> None:
    call = write_reference.signature(write_reference.found("anime2real.image.decode.decode"), "decode")
    assert "    background: tuple[int, int, int]=(255, 255, 255),\n" in call
