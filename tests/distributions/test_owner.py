"""The owner and the version: said in one place, repeated by the others, and asked for before a release."""

import importlib.util
import re
import subprocess
import sys
from types import ModuleType

import pytest
from environments import ROOT

from anime2real import __version__


def loaded(path: str) -> ModuleType:
    """A file of the repository that no package holds."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").strip("._"), ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses ask for it
    spec.loader.exec_module(module)
    return module


owner = loaded(".ci/owner.py")
hatch_build = loaded("hatch_build.py")
SOMEBODY = owner.Owner(
    [{"name": "Ada", "email": "ada@example.org"}],
    {"Repository": "https://example.org/a", "Issues": "https://example.org/a/issues"},
    "1.2.3",
)


def test_every_file_says_what_pyproject_says() -> None:
    done = subprocess.run([sys.executable, ".ci/owner.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_all_that_repeats_it_is_filled() -> None:
    assert owner.read(ROOT).version == __version__
    for name in owner.FILES:
        text = owner.filled((ROOT / name).read_text(encoding="utf-8"), SOMEBODY)
        for said in {
            "CITATION.cff": ("version: 1.2.3", '- name: "Ada"', 'repository-code: "https://example.org/a"'),
            "SECURITY.md": ("Write to <ada@example.org>.",),
            "integrations/comfyui/pyproject.toml": ('version = "1.2.3"', '"Repository" = "https://example.org/a"'),
        }.get(name, ('authors = [{ name = "Ada", email = "ada@example.org" }]', '"Repository" = ')):
            assert said in text
        assert owner.filled(text, owner.read(ROOT)) == (ROOT / name).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="no block"):
        owner.filled("nothing", SOMEBODY)


def test_no_other_file_repeats_the_version() -> None:
    """A bundle's distribution has a version of its own; pages name the tag, not a number."""
    for name in ("pyproject.toml", "README.md", "SECURITY.md", "CONTRIBUTING.md"):
        assert not re.search(rf"\b{re.escape(__version__)}\b", (ROOT / name).read_text(encoding="utf-8")), name


def test_a_release_asks_for_what_is_empty() -> None:
    changelog = "# Changelog\n\n## 1.2.3 – 2026-12-01\n"
    assert owner.missing(SOMEBODY, "v1.2.3", changelog) == []
    assert owner.missing(SOMEBODY, "v1.2.4", changelog) == ["the tag is v1.2.4, the package's version 1.2.3"]
    assert owner.missing(SOMEBODY, "v1.2.3", "## 1.2.3 – unreleased\n") == ["CHANGELOG.md has no date for 1.2.3"]
    nobody = owner.missing(owner.Owner([{"name": "Ada"}], {}, "1.2.3"), "v1.2.3", changelog)
    assert len(nobody) == 3
    assert all("is empty" in line or "e-mail" in line for line in nobody)


def test_the_release_workflow_fails_while_the_owner_is_unknown() -> None:
    command = [sys.executable, ".ci/owner.py", "--release", f"v{__version__}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lacks = owner.missing(owner.read(ROOT), f"v{__version__}", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert done.returncode == (1 if lacks else 0)
    assert done.stderr.splitlines() == lacks
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    assert "python .ci/owner.py --release" in workflow


def test_links_lead_into_the_repository_on_an_index_page() -> None:
    text = "![p](docs/p.png) [a](docs/a.md#b) [c](https://c.org) [d](#d) [e](LICENSE)"
    assert hatch_build.absolute(text, "", "v1") == text
    assert hatch_build.absolute(text, "https://f.org/o/r/", "v1") == (
        "![p](https://f.org/o/r/raw/v1/docs/p.png) [a](https://f.org/o/r/blob/v1/docs/a.md#b) "
        "[c](https://c.org) [d](#d) [e](https://f.org/o/r/blob/v1/LICENSE)"
    )
    whole = hatch_build.absolute((ROOT / "README.md").read_text(encoding="utf-8"), "https://f.org/o/r", "v1")
    assert re.findall(r"\]\((?!https://|#)", whole) == []
