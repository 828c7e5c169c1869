"""Builds with the bundles from where they still lie, ../../src/anime2real/bundles. Goes when they are moved here."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLES = (
    "ugatit-*",
    "galatea-styles-*",
)


class BundlesOfTheCore(BuildHookInterface):  # type: ignore[type-arg]
    """In a source distribution they are in their place already, and are included in the same order."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the folders under the name of this distribution's module."""
        del version
        module = "anime2real_bundles_more"
        into = f"src/{module}" if self.target_name == "sdist" else module
        in_the_core = Path(self.root, "../../src/anime2real/bundles").resolve()
        home = in_the_core if in_the_core.is_dir() else Path(self.root, "src", module)
        for pattern in BUNDLES:
            for folder in sorted(home.glob(pattern)):
                build_data["force_include"][str(folder)] = f"{into}/{folder.name}"
