"""The package from its wheel, away from the checkout and without the other methods' bundles: it is whole."""

import json
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from environments import ROOT, Environment, wheel
from PIL import Image

from anime2real.bundle.registry import ELSEWHERE

EXAMPLES = ROOT / "examples"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def core(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The package alone, without the other methods' bundles."""
    environment = Environment(tmp_path_factory.mktemp("alone"))
    environment.install(wheel(built, "anime2real"))
    return environment


def test_it_translates(core: Environment) -> None:
    where = Path(core.output(core.python, "-c", "import anime2real; print(anime2real.__file__)").strip())
    assert where.is_relative_to(core.folder)
    methods = json.loads(core.output(core.program, "methods", "--json"))
    assert {row["method"] for row in methods} == {"galatea", "difference"}
    assert len(methods) == 4

    core.output(core.program, "translate", EXAMPLES, "-o", "people")
    assert len(list((core.folder / "people").rglob("*.png"))) == 8


def test_the_command_that_it_names_brings_the_other_methods(built: Path, tmp_path: Path) -> None:
    """`pip install "anime2real[methods]"`, from the distributions that an index would have."""
    core = Environment(tmp_path)
    core.install(wheel(built, "anime2real"))
    command = [core.program, "translate", EXAMPLES / "aoi.png", "-o", "more", "--method", "cyclegan"]
    refused = core.run(*command)
    assert refused.returncode == 2
    assert refused.stderr == (
        "error: no bundle of 'cyclegan' is installed: "
        'pip install "anime2real[methods]" (in a clone: pip install ./bundles/paper)\n'
    )
    core.pip("install", "--quiet", "--no-index", "--find-links", built, "anime2real[methods]")
    core.output(*command)
    assert (core.folder / "more" / "aoi.png").is_file()
    methods = json.loads(core.output(core.program, "methods", "--json"))
    assert len(methods) == 14
    assert {row["method"] for row in methods} == {"galatea", "difference", *ELSEWHERE}


def test_an_extra_is_installed_for_a_package_that_no_index_has(core: Environment) -> None:
    """What the program advises works after an install from a clone, too: pip asks what is installed for its extras."""
    said = core.pip("install", "--no-index", "--dry-run", "anime2real[web]")
    assert "fastapi" in said


def test_it_serves(core: Environment) -> None:
    pytest.importorskip("uvicorn")
    port = free_port()
    server = subprocess.Popen(
        [str(core.program), "serve", "--port", str(port)], cwd=core.folder, env=core.environ(),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert server.poll() is None, server.communicate()[1]
                assert time.monotonic() < end
                time.sleep(0.1)
        for page in ("/", "/v1/methods"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=5) as answer:
                assert answer.status == 200
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_it_trains_a_toy_whose_bundle_translates(core: Environment) -> None:
    pytest.importorskip("torch")
    random = np.random.default_rng(0)
    for domain in ("anime", "real"):
        (core.folder / domain).mkdir()
        for i in range(12):
            Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(core.folder / domain / f"{i}.png")
    core.output(
        core.program, "prepare", "--anime", "anime", "--real", "real", "-o", "pack", "--size", 16, "--near", 0,
        "--crop", "centre", "--test-share", 0.25,
    )  # fmt: skip
    core.output(core.program, "train", "difference", "--data", "pack", "-o", "run", "--steps", 2, "--device", "cpu")
    bundle = "run/bundles/difference-anime-to-real"
    core.output(core.program, "translate", "anime/0.png", "-o", "out", "--crop", "none", "--bundle", bundle)
    assert (core.folder / "out" / "0.png").is_file()
