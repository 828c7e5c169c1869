"""Makes the README's links absolute for an index page, where a build knows the repository (`[project.urls]`)."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#|/)([^)\s]+)\)")


def absolute(text: str, repository: str, revision: str) -> str:
    """A Markdown text whose relative links lead into a revision of a repository on a forge; pictures to their bytes.

    Without a repository they stay as they are.
    """
    if not repository:
        return text
    base = repository.rstrip("/")
    return _LINK.sub(
        lambda link: f"{link[1]}{link[2]}({base}/{'raw' if link[1] else 'blob'}/{revision}/{link[3]})", text
    )


class ReadmeForAnIndex(MetadataHookInterface):
    """Sets the dynamic field `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Read README.md; the links lead to the tag of this version."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository = metadata.get("urls", {}).get("Repository", "")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute(text, repository, f"v{metadata['version']}"),
        }
