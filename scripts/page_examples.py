"""Make the small pictures that the page offers to try: src/anime2real/web/page/examples/, and its examples.js.

    python scripts/page_examples.py

They are the drawings of examples/ and the photographs of examples/photographs/. Each file is a WebP of at most 15 kB.
"""

import io
from pathlib import Path
from typing import Final

from PIL import Image

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "src" / "anime2real" / "web" / "page"
DRAWINGS: Final = ("hana", "mika", "aoi", "kuro", "rin", "sora", "yuki", "midori")
PHOTOGRAPHS: Final = ROOT / "examples" / "photographs"
LARGEST: Final = 15_000
SIDE: Final = {"drawing": 256, "photograph": 384}
HEAD: Final = """\
// Pictures to try, in examples/: scripts/page_examples.py makes them. The drawings are the repository's own; the
// photographs are of the Face Research Lab London Set (DeBruine and Jones, 2017), CC BY 4.0: LICENSES/README.md.

"""


def small(image: Image.Image, side: int) -> bytes:
    """A WebP of `LARGEST` bytes at most, as good as fits."""
    image = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    for quality in range(92, 20, -4):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=6)
        if buffer.tell() <= LARGEST:
            return buffer.getvalue()
    raise ValueError(f"no quality brings the picture under {LARGEST} bytes")


def main() -> None:
    """Write all of them, the drawings first."""
    files = [(ROOT / "examples" / f"{name}.png", "drawing") for name in DRAWINGS]
    files += [(path, "photograph") for path in sorted(PHOTOGRAPHS.glob("*.webp"))]
    lines = []
    for n, (path, kind) in enumerate(files):
        with Image.open(path) as image:
            content = small(image, SIDE[kind])
        name = f"london-{path.stem.partition('_')[0]}" if kind == "photograph" else path.stem
        (PAGE / "examples" / f"{name}.webp").write_bytes(content)
        said = f"the drawing {name}" if kind == "drawing" else f"photograph {n - len(DRAWINGS) + 1}"
        lines.append(f'  {{ file: "{name}.webp", name: "{said}" }},\n')
    (PAGE / "examples.js").write_text(f"{HEAD}export const EXAMPLES = [\n{''.join(lines)}];\n", encoding="utf-8")


if __name__ == "__main__":
    main()
