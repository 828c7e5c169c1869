"""A crop put back into its picture as a square whose edges fade: where no head is, or it fills the crop.

`paste_back.py` puts back heads.
"""

from PIL import Image, ImageFilter

from anime2real.face.geometry import Similarity, extent, scaling, square


def paste(image: Image.Image, crop: Image.Image, to_unit: Similarity, *, feather: float = 0.12) -> Image.Image:
    """A copy of the picture with a crop put back where `to_unit` took it from, its edges fading out.

    Args:
        image: RGB.
        crop: a square of any size, RGB.
        to_unit: from px of the picture to the unit square.
        feather: width of the fading, a share of the crop's side.
    """
    side = crop.width
    from_picture = to_unit.then(scaling(side))
    reduced = min(int(from_picture.scale), side)
    across = side // reduced if reduced else side * max(1, int(1.0 / to_unit.scale / side))
    if across != side:  # bicubic would show the crop's pixels, or but a few of them
        return paste(image, square(crop, across), to_unit, feather=feather)
    left, top, right, bottom = extent(from_picture.inverse, (side, side), image.size, margin=1.0)
    if right <= left or bottom <= top:
        return image.copy()
    matrix = Similarity(1 + 0j, complex(left, top)).then(from_picture).matrix()
    how = (right - left, bottom - top), Image.Transform.AFFINE, tuple(matrix.flatten()), Image.Resampling.BICUBIC
    warped, opacity = (part.transform(*how) for part in (crop, _soft_square(side, feather)))
    result = image.copy()
    result.paste(warped, (left, top), opacity)
    return result


def _soft_square(side: int, feather: float) -> Image.Image:
    """A square that is opaque in the middle and transparent at its edge."""
    width = max(1, round(side * feather))
    mask = Image.new("L", (side, side), 0)
    mask.paste(255, (width, width, side - width, side - width))
    return mask.filter(ImageFilter.GaussianBlur(width / 2.5))
