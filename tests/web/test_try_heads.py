"""docs/try's JavaScript pastes heads as Python does, in node: where they are, in what light, with what grain."""

from collections.abc import Iterator

import build_try
import javascript
import numpy as np
import pytest
from live import EXAMPLES
from numpy.typing import NDArray
from PIL import Image

from anime2real.face import finder, geometry, paste_back
from anime2real.face.heads import head_masks
from anime2real.face.paste_back import paste_head
from anime2real.image.decode import decode
from anime2real.translator import find_faces


@pytest.fixture(scope="module")
def page() -> Iterator[javascript.Modules]:
    network = javascript.network((finder.MODELS / "head.onnx").read_bytes())
    with javascript.modules(build_try.PAGE, {"head": network}) as modules:
        yield modules


def lined_up(image: Image.Image, px: int = 256) -> tuple[NDArray[np.uint8], geometry.Similarity]:
    """The crop of a picture's largest face."""
    frame = find_faces(image)[0].crop
    return np.asarray(geometry.align(image, frame, px)), frame


def as_one_more(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What might be a result: other colours, a narrower head, another ground."""
    small = Image.fromarray(crop[..., ::-1]).resize((len(crop) * 4 // 5, len(crop)))
    ground = Image.new("RGB", (len(crop), len(crop)), (190, 120, 90))
    ground.paste(small, (len(crop) // 10, 0))
    return np.asarray(ground)


@pytest.mark.parametrize("which", ["mika", "photograph", "small", "large", "grey", "dark"])
def test_a_head_is_pasted_back_as_in_python(page: javascript.Modules, which: str) -> None:
    """Along its outline, in the light and the tone around it."""
    photograph = EXAMPLES.parent / "docs" / "pictures" / "astronaut.jpg"
    image = decode(photograph if which == "photograph" else EXAMPLES / "mika.png").image
    if which == "small":
        wide = Image.new("RGB", (500, 400), (225, 230, 240))
        wide.paste(image.resize((100, 100)), (300, 130))
        image = wide
    elif which == "large":
        image = image.resize((900, 900), Image.Resampling.BICUBIC).rotate(12, Image.Resampling.BICUBIC)
    elif which == "grey":
        image = image.convert("L").convert("RGB")
    elif which == "dark":
        image = Image.eval(image, lambda v: v // 2)
    crop, frame = lined_up(image)
    result = as_one_more(crop)
    squares = [javascript.picture(crop), javascript.picture(result)]
    masks = page("heads.js", "headMasks", squares, {"callback": "head"})
    seen = head_masks(np.stack([crop, result]))
    assert max(np.abs(mask.reshape(one.shape) - one).mean() for mask, one in zip(masks, seen, strict=True)) < 1e-3
    parts = javascript.similarity(frame)
    pasted = page("paste.js", "pasteHead", javascript.picture(np.asarray(image)), *squares, parts, masks)
    wanted = np.asarray(paste_head(image, crop, result, frame)).astype(int)
    apart = np.abs(javascript.pixels(pasted) - wanted)
    assert apart.mean() < 0.1
    assert np.quantile(apart, 0.999) <= 3
    assert np.abs(wanted - np.asarray(image)).mean() > 0.5


def test_a_head_gets_the_grain_around_it(page: javascript.Modules) -> None:
    """As strong as Python's; the noise is another one."""
    drawn = np.asarray(decode(EXAMPLES / "mika.png").image.resize((400, 400)))
    grain = np.random.default_rng(0).normal(0, 8, (400, 400, 1))
    image = Image.fromarray((drawn * 0.8 + 20 + grain).clip(0, 255).astype(np.uint8))
    crop, frame = lined_up(image)
    smooth = np.asarray(Image.fromarray(crop).resize((32, 32)).resize((256, 256), Image.Resampling.BICUBIC))
    masks = [np.ones(256 * 256, np.float32)] * 2
    parts = javascript.similarity(frame)
    squares = javascript.picture(crop), javascript.picture(smooth)
    pasted = javascript.pixels(
        page("paste.js", "pasteHead", javascript.picture(np.asarray(image)), *squares, parts, masks)
    )
    wanted = np.asarray(paste_head(image, crop, smooth, frame, np.ones((2, 256, 256), np.float32)))
    assert np.array_equal(
        pasted,
        javascript.pixels(page("paste.js", "pasteHead", javascript.picture(np.asarray(image)), *squares, parts, masks)),
    )
    box = np.ones((400, 400), bool)
    box[:, :60] = box[:, -60:] = False
    each = pasted, wanted, np.asarray(image)
    ours, theirs, before = (paste_back.grain(picture.sum(-1, dtype=int), box) for picture in each)
    assert abs(ours - theirs) < 0.08 * theirs
    assert theirs > 0.5 * before
