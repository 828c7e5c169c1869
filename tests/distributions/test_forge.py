"""The workflows and forms of a forge: they can be read, and name versions, scripts and markers that are ours."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from environments import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def test_there_are_three() -> None:
    assert [path.stem for path in WORKFLOWS] == ["nightly", "release", "test"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_is_there(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}  # more is granted to the job that needs it
    commands = " ".join(step["run"] for step in steps(path) if "run" in step)
    scripts = re.findall(r"(?:python |^|\s)(\.ci/\S+)", commands)
    tests = re.findall(r"tests/\S+", commands)
    assert all((ROOT / name).exists() for name in [*scripts, *tests])
    extras = {extra for found in re.findall(r'"\.\[([\w,]+)\]"', commands) for extra in found.split(",")}
    assert extras <= set(PROJECT["project"]["optional-dependencies"])
    markers = {line.split(":")[0] for line in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}
    assert set(re.findall(r"pytest -m (\w+)", commands)) <= markers
    for step in steps(path):
        assert ("run" in step) != ("uses" in step)


def test_what_is_left_out_without_ray_is_tested_where_it_is_installed() -> None:
    job = read(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"]["cluster"]
    commands = " ".join(step["run"] for step in job["steps"] if "run" in step)
    assert re.search(r'"\.\[[\w,]*\bray\b', commands)
    tests = (ROOT / "tests").rglob("test_*.py")
    need = {path for path in tests if re.search(r'importorskip\("ray', path.read_text(encoding="utf-8"))}
    assert {ROOT / name for name in re.findall(r"tests/\S+", commands)} == need


def test_every_python_and_the_ends_of_torch_s_range_are_tested() -> None:
    matrix = read(ROOT / ".github" / "workflows" / "test.yml")["jobs"]["suite"]["strategy"]["matrix"]
    pythons = {*matrix["python"], *(row["python"] for row in matrix["include"])}
    named = {found[1] for line in PROJECT["project"]["classifiers"] if (found := re.search(r":: (3\.\d+)$", line))}
    assert pythons == named
    requirements = map(Requirement, PROJECT["project"]["optional-dependencies"]["train"])
    (torch,) = [requirement.specifier for requirement in requirements if requirement.name == "torch"]
    tried = sorted(
        int(version.split(".")[1]) for version in [*matrix["torch"], *(r["torch"] for r in matrix["include"])]
    )
    assert torch.contains(f"2.{tried[0]}.0")
    assert not torch.contains(f"2.{tried[0] - 1}.0")
    assert torch.contains(f"2.{tried[-1]}.0")
    assert not torch.contains(f"2.{tried[-1] + 1}.0")


def test_every_marker_runs_at_night() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "nightly.yml")["jobs"]
    run = {*jobs["slow"]["strategy"]["matrix"]["marker"], "browser"}
    assert run == {line.split(":")[0] for line in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}


def test_the_release_builds_every_distribution() -> None:
    (build,) = [
        s["run"] for s in steps(ROOT / ".github" / "workflows" / "release.yml") if "-m build" in s.get("run", "")
    ]
    assert "for folder in bundles/*/" in build
    assert "SOURCE_DATE_EPOCH=" in build


def test_the_release_says_what_it_brings_along() -> None:
    commands = [step.get("run", "") for step in steps(ROOT / ".github" / "workflows" / "release.yml")]
    assert any("cyclonedx-py environment" in command and "SHA256SUMS" in command for command in commands)
    assert any("gh release create" in command and "dist/*.cdx.json" in command for command in commands)


def test_what_ci_installs_is_locked_by_hashes() -> None:
    lock = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in lock.splitlines() if not line.startswith("#")).strip())
    locked: dict[str, list[str]] = {}
    for entry in entries:
        found = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", entry)
        assert found, entry[:80]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]
        locked.setdefault(canonicalize_name(found[1]), []).append(found[2])
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(line for name in ("test", "space") for line in extras[name])]
    wanted += (ROOT / ".ci" / "tools.in").read_text(encoding="utf-8").splitlines()
    for requirement in (Requirement(line.partition("#")[0]) for line in wanted if line.partition("#")[0].strip()):
        if requirement.name == "anime2real":
            wanted_of = [line for extra in requirement.extras for line in extras[extra]]
            names = {Requirement(line).name for line in wanted_of} - {"anime2real"}
            assert names <= {name for name in names if canonicalize_name(name) in locked}
        else:
            assert all(
                requirement.specifier.contains(version) for version in locked[canonicalize_name(requirement.name)]
            )


def test_jobs_install_from_the_lock_unless_they_try_what_users_get() -> None:
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            installs = [
                line for step in job["steps"] for line in step.get("run", "").splitlines() if "pip install" in line
            ]
            if installs and name not in ("suite", "newest", "cluster"):
                assert "--require-hashes -r .ci/requirements.txt" in installs[0]
                assert all("--no-deps" in line or "dist/core" in line for line in installs[1:])


def test_the_forms_can_be_read() -> None:
    forms = ROOT / ".github" / "ISSUE_TEMPLATE"
    assert read(forms / "config.yml") == {"blank_issues_enabled": False}
    for name in ("bug.yml", "idea.yml"):
        form = read(forms / name)
        assert {"name", "description", "body"} <= set(form)
        asked = [part for part in form["body"] if part["type"] != "markdown"]
        assert len({part["id"] for part in asked}) == len(asked) >= 3
    read(ROOT / ".github" / "dependabot.yml")


def test_a_commit_is_judged_by_the_tools_of_the_suite() -> None:
    (repository,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    tools = {hook["entry"].split()[0] for hook in repository["hooks"]}
    installed = {Requirement(line).name for line in PROJECT["project"]["optional-dependencies"]["test"]}
    assert tools - {"python"} <= installed


def test_a_fresh_clone_is_asked_by_the_two_commands_of_the_readme() -> None:
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    run = run.replace("--quiet --disable-pip-version-check ", "")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("pip install . && anime2real translate examples -o out", 'pip install -e ".[test]" && pytest'):
        assert f"```sh\n{command}\n```" in readme
        assert f"\n{command}\n" in run
