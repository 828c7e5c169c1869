"""The Dockerfiles, as far as they can be checked without building: what they copy, install, run and ask."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from anime2real.cli.app import app
from anime2real.cli.main import main

pytestmark = pytest.mark.usefixtures("nothing_has_to_be_there")

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "integrations" / "docker").glob("*.Dockerfile"))
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


class Instruction(NamedTuple):
    """A line of a Dockerfile, continued ones joined: its first word, the rest, and the stage that it is in, from 1."""

    word: str
    rest: str
    stage: int


def instructions(path: Path) -> list[Instruction]:
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[Instruction] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        stage = (found[-1].stage if found else 0) + (word == "FROM")
        found.append(Instruction(word, rest.strip(), stage))
    return found


def one(path: Path, word: str) -> str:
    (found,) = [i for i in instructions(path) if i.word == word]
    return found.rest


def project() -> dict[str, object]:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert isinstance(found, dict)
    return found


def test_there_are_two() -> None:
    assert [path.name for path in FILES] == ["serve.Dockerfile", "train.Dockerfile"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
class TestEach:
    def test_every_instruction_is_one(self, path: Path) -> None:
        assert {i.word for i in instructions(path)} <= KNOWN

    def test_the_base_is_pinned_and_a_python_that_we_support(self, path: Path) -> None:
        bases = [i.rest.split()[0] for i in instructions(path) if i.word == "FROM"]
        assert len(bases) == 2
        for base in bases:
            tag = re.fullmatch(r"python:3\.(\d+)-slim-[a-z]+", base)
            assert tag is not None
            low, high = re.findall(r"3\.(\d+)", str(project()["requires-python"]))
            assert int(low) <= int(tag[1]) < int(high)

    def test_what_is_copied_is_there_and_not_ignored(self, path: Path) -> None:
        ignored = (ROOT / ".dockerignore").read_text().split()
        assert "*" in ignored
        stages = {i.rest.split()[2] for i in instructions(path) if i.word == "FROM" and " AS " in i.rest}
        copied = set()
        for instruction in instructions(path):
            if instruction.word != "COPY":
                continue
            *sources, _ = instruction.rest.split()
            if sources[0].startswith("--from="):
                assert sources[0].removeprefix("--from=") in stages
                continue
            for source in sources:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignored
                copied.add(source)
        # What the build backend reads: the metadata's files, its hook, and the package; and the other methods' bundles.
        assert copied >= {"pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "LICENSES", "src", "bundles"}

    def test_the_extras_are_there(self, path: Path) -> None:
        runs = " ".join(i.rest for i in instructions(path) if i.word == "RUN")
        (extras,) = re.findall(r'pip install --no-cache-dir "\.\[([a-z,]+)\]"', runs)
        assert set(extras.split(",")) <= set(project()["optional-dependencies"])  # type: ignore[call-overload]

    def test_every_method_is_installed(self, path: Path) -> None:
        runs = " ".join(i.rest for i in instructions(path) if i.word == "RUN")
        folders = {found.parent.name for found in ROOT.glob("bundles/*/pyproject.toml")}
        assert set(re.findall(r"\./bundles/(\w+)", runs)) == folders

    def test_it_does_not_run_as_root(self, path: Path) -> None:
        found = instructions(path)
        (user,) = [i for i in found if i.word == "USER"]
        assert user.stage == found[-1].stage
        assert any(i.word == "RUN" and f"useradd --uid {user.rest} " in i.rest for i in found if i.stage == user.stage)
        assert int(user.rest) > 999

    def test_the_command_is_one_of_ours(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (program,) = json.loads(one(path, "ENTRYPOINT"))
        assert program in project()["scripts"]  # type: ignore[operator]
        command = json.loads(one(path, "CMD"))
        if "--help" in command:
            assert main(command) == 0
            assert "Usage" in capsys.readouterr().out
        else:
            app.parse_args(command, exit_on_error=False, print_error=False)


def documented() -> list[list[str]]:
    """The `docker run` commands of the docs, taken apart."""
    text = (ROOT / "docs" / "integrations.md").read_text().replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in text.splitlines() if "docker run" in line]


def test_the_documented_commands_are_ours() -> None:
    commands = documented()
    assert len(commands) >= 3
    for words in commands:
        (image,) = [word for word in words if word.startswith("anime2real-")]
        assert f"{image.removeprefix('anime2real-')}.Dockerfile" in {path.name for path in FILES}
        ours = words[words.index(image) + 1 :]
        if ours:
            app.parse_args(ours, exit_on_error=False, print_error=False)
        else:
            assert any(word.startswith("ANIME2REAL_TOKEN") for word in words)


def test_it_listens_to_others_and_the_health_check_tells(tmp_path: Path) -> None:
    """The image's own command, on another port, asked by the image's own check."""
    path = ROOT / "integrations" / "docker" / "serve.Dockerfile"
    command, check = json.loads(one(path, "CMD")), json.loads(one(path, "HEALTHCHECK").split("CMD ", 1)[1])
    assert one(path, "EXPOSE") == "8000"  # where `serve` listens by default
    _, bound, _ = app.parse_args(command, exit_on_error=False, print_error=False)
    assert bound.arguments["host"] == "0.0.0.0"
    assert "port" not in bound.arguments
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert check[0] == "python"
    asked = [sys.executable, *(part.replace(":8000/", f":{port}/") for part in check[1:])]
    assert subprocess.run(asked, capture_output=True, check=False).returncode != 0  # nobody is there yet
    server = subprocess.Popen(
        [sys.executable, "-m", "anime2real", *command, "--port", str(port)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "ANIME2REAL_TOKEN": "secret"},
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while subprocess.run(asked, capture_output=True, check=False).returncode:
            assert server.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)
    finally:
        server.terminate()
        server.wait(20)
