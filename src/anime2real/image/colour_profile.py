"""The profiles that some pictures carry, which say what colours their numbers stand for."""

import io

from PIL import Image, ImageCms


def to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """A picture in RGB, sRGB, by its own ICC profile; a broken one is passed over, as browsers do."""
    try:
        own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(picture, own, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, ImportError):
        converted = None
    return picture.convert("RGB") if converted is None else converted
