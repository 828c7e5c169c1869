"""Pictures in: formats, orientations, depths, colours and transparency."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import (
    BLUE,
    GREEN,
    LOSSLESS,
    LOSSY,
    RED,
    WHITE,
    cmyk_profile,
    grey_profile,
    noise,
    png,
    refusal,
    saved,
    smooth,
    swapped_profile,
)
from PIL import Image, ImageOps

from anime2real.image.decode import PictureError, decode
from anime2real.image.given import to_image

ORIENTATION = 0x0112


def pixels(content: bytes, **options: Any) -> np.ndarray:
    return np.asarray(decode(content, **options).image).astype(int)


# What is read


@pytest.mark.parametrize("kind", [*LOSSY, *LOSSLESS])
@pytest.mark.parametrize("size", [(1, 1), (1, 77), (48, 32)])
def test_formats_and_sizes(kind: str, size: tuple[int, int]) -> None:
    image = smooth(*size)
    decoded = decode(saved(image, kind, **(LOSSY | LOSSLESS)[kind]))
    assert (decoded.format, decoded.size, decoded.image.mode, decoded.notes) == (kind, size, "RGB", ())
    worst = np.abs(np.asarray(decoded.image).astype(int) - np.asarray(image)).mean()
    assert worst == 0 if kind in LOSSLESS else worst < 8


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_of_an_animation_the_first_frame_is_taken_and_that_is_said(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    decoded = decode(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
    assert np.abs(np.asarray(decoded.image).astype(int) - RED).max() <= 3
    assert [note.partition(";")[0] for note in decoded.notes] == ["animated: only the first frame is used"]


def test_a_still_gif_is_not_called_animated() -> None:
    decoded = decode(saved(Image.new("RGB", (4, 4), RED), "GIF"))
    assert decoded.notes == ()
    assert decoded.image.getpixel((0, 0)) == RED


def test_a_camera_jpeg_with_a_preview_is_a_jpeg() -> None:
    content = saved(smooth(), "MPO", save_all=True, append_images=[smooth(8, 8)])
    decoded = decode(content)
    assert (decoded.format, decoded.size, decoded.notes) == ("JPEG", (48, 32), ())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", LOSSLESS)
def test_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = saved(smooth(5, 3), kind, exif=exif, **LOSSLESS[kind])
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
    decoded = decode(content)
    assert decoded.size == (5, 3)
    assert np.array_equal(np.asarray(decoded.image), np.asarray(expected))


@pytest.mark.parametrize("kind", LOSSY)
def test_upright_where_pixels_are_not_exact(kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turn clockwise: what was left is on top
    image = Image.new("RGB", (32, 16), BLUE)
    image.paste(RED, (0, 0, 16, 16))
    turned = pixels(saved(image, kind, exif=exif, **LOSSY[kind]))
    assert turned.shape == (32, 16, 3)
    assert np.abs(turned[4, 8] - RED).max() < 10
    assert np.abs(turned[28, 8] - BLUE).max() < 10


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_is_passed_over() -> None:
    content = saved(smooth(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode(content).image.size == (48, 32)


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    grey = np.array([[0, 255, 257, 32768, 65535]], np.uint16)
    assert pixels(saved(Image.fromarray(grey), "PNG"))[0, :, 0].tolist() == [0, 1, 1, 128, 255]


def test_16_bit_grey_with_a_transparent_value() -> None:
    content = png(2, 1, 16, 0, b"\0\x80\x00\x40\x00", (b"tRNS", b"\x80\x00"))
    assert pixels(content, background=RED).tolist() == [[list(RED), [64, 64, 64]]]


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bits_a_channel(colour: int, channels: int) -> None:
    values = {2: (65535, 32896, 0), 4: (32896, 65535), 6: (65535, 32896, 0, 65535)}[colour]
    content = png(1, 1, 16, colour, b"\0" + struct.pack(f">{channels}H", *values))
    assert pixels(content)[0, 0].tolist() == ([128, 128, 128] if colour == 4 else [255, 128, 0])


def test_palette_with_transparency() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    for transparency in (1, b"\xff\x00"):
        assert pixels(saved(image, "PNG", transparency=transparency), background=BLUE)[0].tolist() == [
            list(RED),
            list(BLUE),
        ]
    assert pixels(saved(image, "GIF", transparency=1), background=BLUE)[0].tolist() == [list(RED), list(BLUE)]


def test_one_bit() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert pixels(saved(image, "PNG"))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_alpha_is_laid_on_the_background(mode: str, kind: str) -> None:
    image = Image.new("RGBA", (3, 1), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    image.putpixel((2, 0), (0, 0, 0, 128))
    content = saved(image.convert(mode), kind, **LOSSLESS[kind])
    assert pixels(content)[0, :, 0].tolist() == [0, 255, 127]
    assert pixels(content, background=RED)[0].tolist() == [[0, 0, 0], [255, 0, 0], [127, 0, 0]]


def test_transparent_colour_of_a_true_colour_png() -> None:
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), GREEN)
    assert pixels(saved(image, "PNG", transparency=GREEN))[0].tolist() == [list(RED), list(WHITE)]


@pytest.mark.parametrize("background", [(0, 0), (0, 0, 256), (0, 0, 0, 0)])
def test_a_false_background_is_the_callers_mistake(background: Any) -> None:
    with pytest.raises(PictureError, match="background"):
        decode(saved(smooth(), "PNG"), background=background)


# Colour


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_profile_is_applied(kind: str) -> None:
    image = Image.new("RGB", (16, 16), RED)
    decoded = decode(saved(image, kind, icc_profile=swapped_profile(), **(LOSSY | LOSSLESS)[kind]))
    assert np.abs(np.asarray(decoded.image).astype(int) - GREEN).max() <= 6
    assert decoded.image.info == {}  # saved again, the profile would be applied twice


@pytest.mark.parametrize("mode", ["P", "RGBA"])
def test_a_profile_is_applied_to_palettes_and_below_alpha_only(mode: str) -> None:
    image = Image.new("RGB", (2, 1), RED).convert(mode)
    if mode == "RGBA":
        image.putpixel((1, 0), (0, 0, 0, 0))
    result = pixels(saved(image, "PNG", icc_profile=swapped_profile()), background=RED)
    assert np.abs(result[0, 0] - GREEN).max() <= 2
    assert result[0, 1].tolist() == list(RED) if mode == "RGBA" else np.abs(result[0, 1] - GREEN).max() <= 2


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_profile(mode: str) -> None:
    image = (
        Image.fromarray(np.full((2, 2), 128 * 257, np.uint16))
        if mode == "I;16"
        else Image.new("L", (2, 2), 128).convert(mode)
    )
    # Linear 128/255 is 188/255 in sRGB (IEC 61966-2-1).
    assert np.abs(pixels(saved(image, "PNG", icc_profile=grey_profile())) - 188).max() <= 1


@pytest.mark.parametrize("profile", [b"no profile", grey_profile()], ids=["damaged", "of another colour space"])
def test_a_profile_that_does_not_fit_is_passed_over(profile: bytes) -> None:
    image = smooth()
    assert np.array_equal(pixels(saved(image, "PNG", icc_profile=profile)), np.asarray(image))


def test_cmyk_as_adobe_writes_it_inverted() -> None:
    content = saved(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)
    assert b"Adobe" in content
    assert np.abs(pixels(content) - (0, 255, 255)).max() <= 4


def test_cmyk_through_its_profile() -> None:
    inks = {(255, 0, 0, 0): 119, (0, 0, 0, 0): 255, (0, 0, 0, 255): 0}  # L* = 50 is 119 in sRGB
    for ink, expected in inks.items():
        content = saved(Image.new("CMYK", (16, 16), ink), "JPEG", quality=95, icc_profile=cmyk_profile())
        assert np.abs(pixels(content) - expected).max() <= 4


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_bitmaps_and_tiff_are_read(kind: str) -> None:
    content = saved(smooth(), kind)
    assert np.array_equal(pixels(content), np.asarray(smooth()))
    assert "damaged or cut off" in refusal(content[: len(content) // 2])


def test_a_turned_tiff_with_several_pictures() -> None:
    buffer = io.BytesIO()
    smooth().save(buffer, "TIFF", save_all=True, append_images=[noise()], tiffinfo={ORIENTATION: 6})
    decoded = decode(buffer.getvalue())
    assert np.array_equal(np.asarray(decoded.image), np.asarray(smooth().transpose(Image.Transpose.ROTATE_270)))
    assert decoded.notes == ("several pictures: only the first is used",)


def test_heic_is_read_where_its_reader_is_installed() -> None:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(smooth(64, 64)).save(buffer, quality=95)
    assert decode(buffer.getvalue()).format == "HEIF"
    assert np.abs(pixels(buffer.getvalue()) - np.asarray(smooth(64, 64))).mean() < 12


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_a_png_with_large_texts_is_whole(kind: bytes) -> None:
    workflow = b"x" * 3_000_000
    packed = {
        b"tEXt": workflow,
        b"zTXt": b"\0" + zlib.compress(workflow),
        b"iTXt": b"\1\0\0\0" + zlib.compress(workflow),
    }
    small = (b"tEXt", b"Software\0mine")
    content = png(
        1, 1, 8, 2, b"\0\1\2\3", small, (kind, b"workflow\0" + packed[kind]), (b"tEXt", b"y\0" + b"z" * 600_000)
    )
    assert pixels(content).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("orientation", [1, 6, 8, 2])
def test_an_opened_image_is_what_its_file_is(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "a.jpg"
    smooth().save(path, exif=exif, quality=95)
    with Image.open(path) as opened:
        assert np.array_equal(np.asarray(to_image(opened)), np.asarray(decode(path).image))
        upright = ImageOps.exif_transpose(opened)
    assert np.array_equal(np.asarray(to_image(upright)), np.asarray(decode(path).image))


def test_16_bits_of_an_opened_image_are_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32768, 65535]], np.uint16)).save(tmp_path / "grey.png")
    with Image.open(tmp_path / "grey.png") as opened:
        assert np.asarray(to_image(opened))[0, :, 0].tolist() == [0, 128, 255]


def test_what_is_transparent_is_kept_beside_the_picture() -> None:
    clear = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    clear.putpixel((1, 0), (10, 20, 30, 255))
    decoded = decode(saved(clear, "PNG"))
    assert np.asarray(decoded.image).tolist() == [[[255, 255, 255], [10, 20, 30]]]
    assert decoded.cutout is not None
    assert np.asarray(decoded.cutout).tolist() == [[[10, 20, 30, 0], [10, 20, 30, 255]]]
    assert decode(saved(smooth().convert("RGBA"), "PNG")).cutout is None


def test_threads_may_share_an_image_that_is_only_opened() -> None:
    expected = noise(700, 700)
    content = saved(expected, "PNG")
    for _ in range(4):
        opened = Image.open(io.BytesIO(content))
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(to_image, [opened] * 8))
        assert all(np.array_equal(np.asarray(result), np.asarray(expected)) for result in results)
