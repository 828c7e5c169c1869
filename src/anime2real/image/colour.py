"""Any decoded picture to 8-bit sRGB: 16 bits, CMYK, palettes, transparency, colour profiles."""

import io

import numpy as np
from PIL import Image, ImageCms


def to_rgb(picture: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The picture in RGB, sRGB, 8 bits a channel, through its own profile where it has one.

    Args:
        picture: loaded; of mode 1, L, LA, P, RGB, RGBA, CMYK or I;16.
        background: sRGB, 0-255: what shows through transparency, untouched by the profile.
    """
    profile = picture.info.get("icc_profile")
    transparent = picture.info.get("transparency")
    alpha = None
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow's convert would clip
        values = np.asarray(picture).astype(np.uint32)
        picture = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
        if isinstance(transparent, int):
            alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    elif picture.mode in ("LA", "RGBA") or transparent is not None:
        picture = picture.convert("LA" if picture.mode in ("1", "L", "LA") else "RGBA")
        alpha = picture.getchannel("A")
        picture = picture.getchannel("L") if picture.mode == "LA" else picture.convert("RGB")
    elif picture.mode in ("1", "P"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    rgb = _to_srgb(picture, profile)
    if alpha is None:
        return rgb
    base = Image.new("RGB", rgb.size, background)
    base.paste(rgb, mask=alpha)
    return base


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Through the picture's own profile where it fits; a broken one is passed over, as browsers do."""
    if profile:
        try:
            own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, own, srgb, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, ImportError):
            pass
    return picture.convert("RGB")
