"""The option --ray, where no cluster is needed to say what is wrong."""

import socket
from pathlib import Path

import pytest
from translating import draw, translating

from anime2real.cli import extras
from anime2real.cli.main import main

NO_RAY = "without the extra `ray` there is no cluster: pip install 'anime2real[ray]'"


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that is bad usage."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_without_the_extra_the_line_says_how_to_install_it(
    tmp_path: Path, bundle: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert main([*translating(draw(tmp_path / "a.png"), tmp_path / "o", bundle), "--ray"]) == 1
    assert 'pip install "anime2real[ray]"' in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("translate a.png -o o.png --method difference --ray", "name a folder for the results"),
        ("translate a.png -o o --method difference --ray h:1 h:2", "takes one address, not h:1 and h:2"),
        ("prepare --pairs . . --size 32 -o o --ray", "--ray goes without --pairs"),
        ("prepare --anime . --real . --size 32 -o o --processes 2 --ray", "--ray goes without --processes"),
    ],
)
def test_what_does_not_go_together(
    command: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    draw(Path("a.png"))
    assert said in refused(command.split(), capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("address", ["pictures", "ray://head:10001", "head:", ":1"])
def test_what_is_no_address(address: str, tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    command = translating(draw(tmp_path / "a.png"), tmp_path / "o", bundle)
    assert "is no address: give HOST:PORT" in refused([*command, "--ray", address], capsys)


def test_an_address_where_nobody_answers(tmp_path: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason=NO_RAY)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = translating(draw(tmp_path / "a.png"), tmp_path / "o", bundle)
        assert main([*command, "--ray", address]) == 1
    assert f"error: no Ray cluster at {address}" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
