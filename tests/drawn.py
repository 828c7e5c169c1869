"""Two sets of drawn faces that pass for two domains."""

from pathlib import Path

from PIL import Image, ImageOps

EXAMPLES = Path(__file__).parent.parent / "examples"


def drawn_set(folder: Path, *, recoloured: bool, test_every: int) -> Path:
    """The eight examples, the last of each `test_every` to test on; mirrored and recoloured for the other domain."""
    for number, path in enumerate(sorted(EXAMPLES.glob("*.png")), 1):
        target = folder / ("train" if number % test_every else "test") / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as picture:
            image = picture.convert("RGB")
        if recoloured:
            red, green, blue = ImageOps.mirror(image).split()
            image = Image.merge("RGB", (red, blue, green))
        image.save(target)
    return folder
