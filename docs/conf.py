"""How the site is built: sphinx-build -W docs site.

The pages are plain Markdown and read as well without it. The two extensions in _building write equations as MathML, so
that a reader's browser asks nobody, and links that lead out of docs/ as paths.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_building"))

from anime2real import __version__

project = "anime2real"
version = release = __version__
project_copyright = "the authors of anime2real, Apache-2.0"

extensions = ["myst_parser", "mathml", "outside"]
highlight_language = "sh"
exclude_patterns = ["_building", "try"]  # docs/try is a page of its own: scripts/build_try.py builds it

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"anime2real {release}"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
