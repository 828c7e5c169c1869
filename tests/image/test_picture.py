"""Pictures in and out: what is accepted, what is refused, what the output says of itself."""

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, ImageOps

from anime2real import __version__
from anime2real.image import picture
from anime2real.image.picture import Limits, PictureError, collect, decode, read_marks, square, write

ORIENTATION = 0x0112
LOSSY = {"JPEG": {"quality": 95}, "AVIF": {"quality": 95}}
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}}
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def smooth(width: int = 48, height: int = 32) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x * 5 % 256, y * 7 % 256, (x + y) * 3 % 256], -1).astype(np.uint8))


def noise(width: int = 64, height: int = 64) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG made by hand, of the kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data)) for tag, data in parts
    )


def icc(space: bytes, connection: bytes, kind: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 colour profile of the given tags."""
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x02400000, kind, space, connection)
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + body


def grey_profile() -> bytes:
    """Grey, linear in light."""
    white = b"XYZ " + bytes(4) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return icc(b"GRAY", b"XYZ ", b"mntr", {b"wtpt": white, b"kTRC": b"curv" + bytes(4) + struct.pack(">I", 0)})


def cmyk_profile() -> bytes:
    """Paper is white, black ink black, all of another ink middle grey (L* = 50)."""
    colours = [(255, 128, 128)] + [(0 if i % 2 else 128, 128, 128) for i in range(1, 16)]  # i is CMYK in binary
    cube = bytes(value for colour in colours for value in colour)
    identity = struct.pack(">9I", *(0x10000 if i % 4 == 0 else 0 for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + bytes(range(256)) * 4 + cube + bytes(range(256)) * 3
    return icc(b"CMYK", b"Lab ", b"prtr", {b"A2B0": lut})


def swapped_profile() -> bytes:
    """sRGB with the red and the green primary exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {bytes(profile[i : i + 4]): i for i in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def pixels(content: bytes, **options: Any) -> np.ndarray:
    return np.asarray(decode(content, **options).image).astype(int)


def refusal(source: Path | str | bytes, **options: Any) -> str:
    with pytest.raises(PictureError) as caught:
        decode(source, **options)
    message = str(caught.value)
    assert message.isprintable()  # one line, no terminal codes
    assert ": " in message  # what to do
    return message


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
    assert decoded.notes == ("animated: only the first frame is used",)


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
    with pytest.raises(ValueError, match="background"):
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


# What is refused


def test_a_65000_by_65000_header_is_refused_before_decoding() -> None:
    content = png(65_000, 65_000, 8, 2, b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's own would be a second line
        message = refusal(content, name="bomb.png")
    assert message.startswith("bomb.png has 65000×65000 = 4,225,000,000 pixels, more than the 40,000,000 allowed")


@pytest.mark.parametrize("kind", [*LOSSY, *LOSSLESS, "GIF"])
def test_the_limit_on_pixels_is_exact_and_comes_before_decoding(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(smooth(10, 10), kind)
    assert decode(content, limits=Limits(max_pixels=100)).size == (10, 10)

    def decoded(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(picture.FORMATS[kind], "load", decoded)
    assert "99 allowed" in refusal(content, limits=Limits(max_pixels=99))


def test_a_gif_frame_beyond_its_screen_is_refused() -> None:
    content = bytearray(saved(Image.new("P", (8, 8)), "GIF"))
    frame = content.index(b"\x2c")
    content[frame + 5 : frame + 9] = struct.pack("<HH", 65_000, 65_000)
    assert "40,000,000 allowed" in refusal(bytes(content))


def test_the_limit_on_bytes(tmp_path: Path) -> None:
    content = saved(smooth(), "PNG")
    path = tmp_path / "large.png"
    path.write_bytes(content)
    for source in (content, path):
        assert decode(source, limits=Limits(max_bytes=len(content)))
        assert f"more bytes than the {len(content) - 1:,} allowed" in refusal(
            source, limits=Limits(max_bytes=len(content) - 1)
        )


@pytest.mark.parametrize("lenient", [False, True], ids=["", "LOAD_TRUNCATED_IMAGES"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("kind", [*LOSSY, *LOSSLESS, "GIF"])
def test_cut_off(kind: str, share: float, lenient: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    content = saved(noise(), kind)
    assert "damaged or cut off" in refusal(content[: int(len(content) * share)], name="cut")


def test_a_header_alone_ends_early() -> None:
    header = saved(Image.new("RGB", (9, 9)), "PNG")[:33]
    assert "(the file ends early)" in refusal(header, name="header")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"just some notes", "not a picture of a known kind"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"GIF89a", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"RIFF\x04\0\0\0WEBP", "damaged"),
        (b"\0\0\0\x1cftypavif" + bytes(16), "damaged"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(4), "is HEIC"),
        (b"\0\0\0\x1cftypisom\0\0\0\0isomavc1" + bytes(4), "a video"),
        (b"%PDF-1.7", "is PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture of a known kind"),
    ],
)
def test_false_files(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path} ")
    assert said in message


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PPM", "ICO", "TGA"])
def test_formats_that_are_not_on_the_list(kind: str) -> None:
    assert "convert it to one of JPEG, PNG" in refusal(saved(smooth(), kind))


def test_the_name_decides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "face.txt"
    path.write_bytes(saved(smooth(), "WEBP"))
    assert decode(str(path)).format == "WEBP"


def test_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not there" in refusal(tmp_path / "none.png")
    assert "is a folder" in refusal(tmp_path)
    assert "cannot be read" in refusal("a\0b.png")
    path = tmp_path / "locked.png"
    path.write_bytes(saved(smooth(), "PNG"))

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # as root, no file is unreadable
    assert "cannot be read (Permission denied)" in refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a regular file" in refusal(tmp_path / "pipe.png")


def test_a_name_stays_on_its_line() -> None:
    assert refusal("two\nlines\x1b[31m\udcff.png").startswith("two?lines?[31m?.png is not there")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from([*LOSSY, *LOSSLESS, "GIF"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=4),
    share=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_a_damaged_file_is_a_picture_or_one_line(kind: str, changes: list[tuple[float, bytes]], share: float) -> None:
    content = bytearray(saved(smooth(), kind, **({} if kind == "GIF" else (LOSSY | LOSSLESS)[kind])))
    for place, data in changes:
        start = int(place * len(content))
        content[start : start + len(data)] = data
    try:
        result = decode(bytes(content[: int(len(content) * share)]), limits=Limits(max_pixels=1_000_000)).image.mode
    except PictureError as error:
        result = str(error)
    assert result == "RGB" or (result.isprintable() and ": " in result)


# What is written


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".avif", ".PNG"])
def test_the_suffix_decides_and_the_marks_are_read_back(suffix: str, tmp_path: Path) -> None:
    path = write(smooth(), tmp_path / f"face{suffix}")
    assert read_marks(path) == {
        "DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "Software": f"anime2real {__version__}",
    }
    decoded = decode(path)
    assert decoded.format == picture.WRITABLE[suffix.lower()]
    assert np.abs(np.asarray(decoded.image).astype(int) - np.asarray(smooth())).mean() < 6
    assert os.listdir(tmp_path) == [path.name]


def test_no_suffix_is_png_and_folders_are_made(tmp_path: Path) -> None:
    path = write(smooth(), str(tmp_path / "new" / "face"))
    assert path == tmp_path / "new" / "face.png"
    assert np.array_equal(np.asarray(decode(path).image), np.asarray(smooth()))


def test_nothing_is_overwritten_unless_told(tmp_path: Path) -> None:
    path = write(smooth(), tmp_path / "face.png")
    before = path.read_bytes()
    with pytest.raises(PictureError, match=r"face\.png is already there: "):
        write(noise(), path)
    assert path.read_bytes() == before
    write(noise(), path, overwrite=True)
    assert path.read_bytes() != before


def test_a_link_to_nowhere_is_there(tmp_path: Path) -> None:
    (tmp_path / "face.png").symlink_to(tmp_path / "none.png")
    with pytest.raises(PictureError, match="is already there"):
        write(smooth(), tmp_path / "face.png")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "face.gif", "end the name in one of .png"),
        (lambda folder: folder / "file.txt" / "face.png", "cannot be written"),
        (lambda folder: folder / ("a" * 300 + ".png"), "cannot be written"),
        (lambda folder: folder / "a\0b.png", "cannot be written"),
    ],
)
def test_where_nothing_can_be_written(make: Callable[[Path], Path], said: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(PictureError, match=said) as caught:
        write(smooth(), make(tmp_path), overwrite=True)
    assert str(caught.value).isprintable()
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_picture_too_large_for_the_format_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="cannot be written"):
        write(Image.new("RGB", (16_384, 1)), tmp_path / "wide.webp")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif"])
def test_metadata_of_the_original_is_left_out(suffix: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), RED)
    image.info = {"icc_profile": swapped_profile(), "transparency": RED, "comment": b"home", "xmp": b"<x/>"}
    result = np.asarray(decode(write(image, tmp_path / f"face{suffix}")).image).astype(int)
    assert np.abs(result - RED).max() <= 4


# The marks of others


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</r:RDF></x:xmpmeta>'
IPTC = 'xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'


@pytest.mark.parametrize(
    ("inner", "stated"),
    [
        (f"<r:Description {IPTC} e:DigitalSourceType='x:made'/>", "x:made"),
        (
            f"<r:Description {IPTC}><e:DigitalSourceType> x:made </e:DigitalSourceType></r:Description>",
            "x:made",
        ),
        (f"<r:Description {IPTC}><e:DigitalSourceType r:resource='x:made'/></r:Description>", "x:made"),
        ("<r:Description/>", None),
        ("<unclosed>", None),
    ],
)
def test_xmp_of_others(inner: str, stated: str | None, tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(saved(smooth(), "JPEG", xmp=XMP.format(inner).encode() + b"\n   \0"))
    assert read_marks(path).get("DigitalSourceType") == stated


def test_xmp_that_would_explode(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "x"}">' for i in range(9))
    inner = f"<r:Description {IPTC}><e:DigitalSourceType>&a8;</e:DigitalSourceType></r:Description>"
    path = tmp_path / "face.jpg"
    path.write_bytes(saved(smooth(), "JPEG", xmp=f"<!DOCTYPE a [{entities}]>{XMP.format(inner)}".encode()))
    assert read_marks(path) == {}


def test_a_picture_without_marks_and_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(saved(smooth(), "PNG"))
    assert read_marks(path) == {}
    path.write_text("words")
    with pytest.raises(PictureError):
        read_marks(path)


# Squares


@given(width=st.integers(1, 5_000), height=st.integers(1, 5_000))
def test_the_centre_box_is_inside_and_in_the_middle(width: int, height: int) -> None:
    left, top, side = picture.centre_box(width, height)
    assert side == min(width, height)
    assert abs((width - side) - 2 * left) <= 1
    assert abs((height - side) - 2 * top) <= 1


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 200), height=st.integers(1, 200), px=st.integers(1, 96))
def test_one_colour_stays_one_colour(width: int, height: int, px: int) -> None:
    result = square(Image.new("RGB", (width, height), (10, 120, 250)), px)
    assert result.size == (px, px)
    assert result.getcolors() == [(px * px, (10, 120, 250))]


def test_the_middle_is_taken() -> None:
    image = Image.new("RGB", (30, 10), BLUE)
    image.paste(RED, (10, 0, 20, 10))
    assert square(image, 10).getcolors() == [(100, RED)]


def test_reducing_does_not_alias() -> None:
    checks = np.indices((512, 512)).sum(0) % 2 * 255
    reduced = np.asarray(square(Image.fromarray(checks.astype(np.uint8)), 16)).astype(int)
    assert np.abs(reduced - 127.5).max() < 3


# What arguments stand for


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.PNG",
        "a.jpg",
        "notes.txt",
        ".hidden.png",
        "sub/c.webp",
        "sub/.d/e.png",
        "[x].png",
        "empty/f.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folders_are_searched_in_order(tree: Path) -> None:
    names = ["[x].png", "a.jpg", "b.PNG", "sub/c.webp"]
    assert collect([tree]) == [tree / name for name in names]
    assert collect(["."]) == [Path(name) for name in names]
    assert collect(["sub/.d"]) == [Path("sub/.d/e.png")]  # named, not found


def test_a_named_file_is_always_taken_and_taken_once(tree: Path) -> None:
    assert collect(["notes.txt", ".hidden.png"]) == [Path("notes.txt"), Path(".hidden.png")]
    assert collect(["sub/c.webp", tree / "sub", "sub/../sub/c.webp"]) == [Path("sub/c.webp")]


def test_globs_are_expanded_where_the_shell_did_not(tree: Path) -> None:
    assert collect(["*.jpg", "s*"]) == [Path("a.jpg"), Path("sub/c.webp")]
    assert collect(["**/*.webp"]) == [Path("sub/c.webp")]
    assert collect(["[x].png"]) == [Path("[x].png")]  # it is there: no pattern


def test_one_bad_argument_does_not_stop_the_rest(tree: Path) -> None:
    first, *bad, last = collect(["a.jpg", "none.png", "empty", "*.tiff", "a\0b", "b.PNG"])
    assert (first, last) == (Path("a.jpg"), Path("b.PNG"))
    said = [str(error) for error in bad if isinstance(error, PictureError)]
    assert [line.split(":")[0] for line in said] == [
        "none.png is not there",
        "empty holds no pictures",
        "*.tiff matches no file",
        "a?b is not there",
    ]


def test_a_folder_that_cannot_be_searched(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def denied(path: str) -> Any:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    *found, error = collect(["."])
    assert found == [Path("[x].png"), Path("a.jpg"), Path("b.PNG")]
    assert str(error) == "./sub cannot be read (Permission denied): check its rights"
