"""Videos in and out: sound, time stamps, colours, rotation, limits, and what cannot be dealt with."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from filming import COUNT, Counting, Interrupted, levels, run
from PIL import Image

from anime2real.domain import Domain
from anime2real.face.finder import default_finder
from anime2real.face.geometry import TEMPLATE, Face, Points, to_template
from anime2real.image import provenance as marks
from anime2real.image.decode import Limits
from anime2real.making import read_making
from anime2real.pipeline import NoFaceError
from anime2real.translator import Translator
from anime2real.video.clip import ClipError, ClipLimits, Frame
from anime2real.video.film import Film
from anime2real.video.follow import FollowingFinder
from anime2real.video.translate import ClipOptions, ClipResult, translate_clip
from anime2real.video.upright import HLG, PQ, tone_mapped, turn_of


def test_sound_and_times_are_kept_and_the_face_alone_is_replaced(
    tmp_path: Path, film: Path, negative: Translator, moving: tuple[list[Image.Image], Points]
) -> None:
    result = run(film, tmp_path / "out.mp4", negative)
    assert clips.packets(film, "audio") == clips.packets(result.path, "audio")
    (before, times), (after, kept) = clips.decode(film), clips.decode(result.path)
    assert times == kept
    assert len({b - a for a, b in pairwise(times)}) > 1  # the rate does vary
    assert (result.frames, len(after), result.encoding) == (COUNT, COUNT, "H.264")
    for one, two, landmarks in zip(before, after, moving[1], strict=True):
        x, y = to_template(landmarks).inverse(np.array([0.5, 0.6]))
        box = (int(x) - 8, int(y) - 8, int(x) + 8, int(y) + 8)
        assert abs(levels(one.crop(box)).mean() + levels(two.crop(box)).mean() - 255) < 12
        corner = (0, 0, 40, 40)
        assert np.abs(levels(one.crop(corner)) - levels(two.crop(corner))).mean() < 3
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_the_result_is_marked(tmp_path: Path, film: Path, negative: Translator) -> None:
    result = run(film, tmp_path / "out.mp4", negative)
    assert marks.stated_in(marks.of_mp4(result.path))["DigitalSourceType"] == marks.GENERATED
    assert marks.of_mp4(film) == b""
    with av.open(str(result.path)) as container:
        assert marks.GENERATED in container.metadata["comment"]


def test_a_drawing_that_is_held_is_translated_once(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator
) -> None:
    """Animation "on threes", compressed, so that no two frames are equal."""
    threes = [image for image in moving[0][::3] for _ in range(3)]
    source = clips.encode(tmp_path / "in.mp4", threes, sound=None)
    counting = Interrupted(negative.bundle, threads=1)
    result = run(source, tmp_path / "out.mp4", counting, segment=9)
    again = (COUNT - 1) // 9  # at the beginning of each further segment, which here falls on a new drawing
    assert COUNT // 3 <= counting.faces <= COUNT // 3 + again
    every = run(source, tmp_path / "every.mp4", negative, segment=1)
    one, two = clips.decode(result.path)[0], clips.decode(every.path)[0]
    assert max(np.abs(levels(a) - levels(b)).mean() for a, b in zip(one, two, strict=True)) < 4


def test_a_clip_whose_frames_fit_into_memory_is_decoded_once(
    tmp_path: Path, film: Path, negative: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, frames = [], Film.frames

    def counted(self: Film, start: int = 0) -> Iterator[Frame]:
        starts.append(start)
        return frames(self, start)

    monkeypatch.setattr(Film, "frames", counted)
    once = run(film, tmp_path / "once.mp4", negative, segment=10)
    assert starts == [0]
    monkeypatch.setattr("anime2real.video.search.BACK_BYTES", (COUNT - 1) * 320 * 240 * 3 // 2)
    twice = run(film, tmp_path / "twice.mp4", negative, segment=10)
    assert starts == [0, 0, 0]
    assert once.path.read_bytes() == twice.path.read_bytes()


def test_frames_without_a_face_pass_through(tmp_path: Path, negative: Translator) -> None:
    faces, _ = clips.moving(6)
    empty = [clips.background(clips.SIZE, 7)] * 6
    source = clips.encode(tmp_path / "in.mp4", [*empty, *faces], sound=None)
    result = run(source, tmp_path / "out.mp4", negative)
    (track,) = result.tracks
    assert (track.first, track.end, result.frames) == (6, 12, 12)
    (before, _), (after, _) = clips.decode(source), clips.decode(result.path)
    assert max(np.abs(levels(a) - levels(b)).mean() for a, b in zip(before[:6], after[:6], strict=True)) < 2
    assert np.abs(levels(before[8]) - levels(after[8])).mean() > 10


def test_no_face_in_the_whole_clip(tmp_path: Path, negative: Translator) -> None:
    source = clips.encode(tmp_path / "in.mp4", [clips.background(clips.SIZE, 7)] * 4, sound=None)
    with pytest.raises(NoFaceError, match=r"in\.mp4 \(4 frames\): no face found"):
        run(source, tmp_path / "out.mp4", negative)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_clip_that_lies_on_its_side_is_set_upright(
    tmp_path: Path, rotation: int, moving: tuple[list[Image.Image], Points], negative: Translator
) -> None:
    upright = moving[0][:4]
    stored = [image.rotate(-rotation, expand=True) for image in upright]
    source = clips.encode(tmp_path / "in.mov", stored, sound=None, rotation=rotation)
    result = run(source, tmp_path / "out.mp4", negative)
    after, _ = clips.decode(result.path)
    assert after[0].size == upright[0].size
    corner = (0, 0, 60, 40)
    assert np.abs(levels(after[0].crop(corner)) - levels(upright[0].crop(corner))).mean() < 6


@pytest.mark.parametrize(("stored", "rotation"), [((240, 240), 0), ((320, 180), 0), ((320, 180), 90)])
def test_pixels_that_are_not_square_become_so(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator, stored: tuple[int, int],
    rotation: int,
) -> None:  # fmt: skip
    """The finder and the network see faces as a screen shows them."""
    squeezed = [image.resize(stored, Image.Resampling.BICUBIC) for image in moving[0][:4]]
    turned = [image.rotate(-rotation, expand=True) for image in squeezed]
    aspect = Fraction(clips.SIZE[0] * stored[1], stored[0] * clips.SIZE[1])
    aspect = 1 / aspect if rotation else aspect
    source = clips.encode(tmp_path / "in.mov", turned, sound=None, rotation=rotation, aspect=aspect)
    result = run(source, tmp_path / "out.mp4", negative)
    after, _ = clips.decode(result.path)
    assert after[0].size == clips.SIZE
    corner = (0, 0, 60, 40)
    assert np.abs(levels(after[0].crop(corner)) - levels(moving[0][0].crop(corner))).mean() < 6
    (track,) = result.tracks
    assert np.abs(track.landmarks[0] - moving[1][0]).max() < 5
    assert "its pixels are not square: resampled to such that are" in result.notes
    with av.open(str(result.path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == 1


def test_pixels_that_are_nearly_square_are_left_so(tmp_path: Path, moving: tuple[list[Image.Image], Points]) -> None:
    source = clips.encode(tmp_path / "in.mp4", moving[0][:2], sound=None, aspect=Fraction(200, 201))
    film = Film(source, ClipLimits())
    assert ([frame.image.size for frame in film.frames()], film.notes) == ([clips.SIZE] * 2, ())


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (321, 241)])
def test_colours_come_out_as_they_went_in(tmp_path: Path, size: tuple[int, int]) -> None:
    colours = Image.new("RGB", size, (200, 40, 60))
    colours.paste((30, 160, 90), (0, 0, size[0] // 2, size[1]))
    even = clips.background((320, 240))
    film = Film(clips.encode(tmp_path / "in.mp4", [even], sound=None), ClipLimits())
    film.write_segment(tmp_path / "a.nut", iter([Frame(colours, 0.0, 0)]))
    film.join([tmp_path / "a.nut"], tmp_path / "a.mp4")
    (frame,) = Film(tmp_path / "a.mp4", ClipLimits()).frames()
    assert frame.image.size == size
    assert np.abs(levels(frame.image) - levels(colours)).mean() < 3


def test_sound_that_mp4_cannot_hold_goes_into_matroska(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator
) -> None:
    source = clips.encode(tmp_path / "in.mkv", moving[0][:8], base=Fraction(1, 1000), sound="tta")
    opened = Film(source, ClipLimits())
    assert opened.suffix == "mkv"
    assert "tta" in opened.notes[0]
    result = run(source, tmp_path / "out.mkv", negative)
    assert [data for data, _ in clips.packets(source, "audio")] == [d for d, _ in clips.packets(result.path, "audio")]
    with av.open(str(result.path)) as container:
        assert marks.GENERATED in {key.lower(): value for key, value in container.metadata.items()}["comment"]
    making = read_making(result.path)
    assert making is not None
    assert (making.system, making.asked) == (negative.system, "layout paste")
    assert read_making(source) is None


def test_plain_sound_whose_channels_have_no_places_gets_the_usual_ones(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator
) -> None:
    """As in AVI from cameras: MP4 must say where the two channels are, or it cannot be ended."""
    source = clips.encode(tmp_path / "in.avi", moving[0][:8], base=Fraction(1, 25), sound="pcm_s16le", codec="mpeg4")
    result = run(source, tmp_path / "out.mp4", negative)
    kept, there = ([bytes(data) for data, _ in clips.packets(path, "audio")] for path in (result.path, source))
    assert b"".join(kept) == b"".join(there)
    with av.open(str(result.path)) as container:
        assert container.streams.audio[0].codec_context.layout.name == "stereo"


@pytest.mark.parametrize("base", [Fraction(1, 12_800), Fraction(1, 90_000)])
def test_without_libx264(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator, monkeypatch: pytest.MonkeyPatch,
    base: Fraction,
) -> None:  # fmt: skip
    source = clips.encode(tmp_path / "in.mp4", moving[0][:8], base=base)
    monkeypatch.setattr("anime2real.video.encode._available", lambda encoder: encoder == "mpeg4")
    result = run(source, tmp_path / "out.mp4", negative)
    assert result.encoding == "MPEG-4 part 2"
    assert result.notes == ("written as MPEG-4 part 2: this PyAV has no libx264",)
    times, kept = clips.decode(source)[1], clips.decode(result.path)[1]
    assert max(abs(a - b) for a, b in zip(times, kept, strict=True)) < Fraction(1, 10_000)
    assert clips.packets(source, "audio") == clips.packets(result.path, "audio")


def test_webm(tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator) -> None:
    source = clips.encode(tmp_path / "in.webm", moving[0][:8], base=Fraction(1, 1000), sound="libopus", codec="libvpx")
    result = run(source, tmp_path / "out.mp4", negative)
    assert [data for data, _ in clips.packets(source, "audio")] == [d for d, _ in clips.packets(result.path, "audio")]


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "told"),
    [
        ("in.webm", "libvpx-vp9", "yuva420p", True), ("in.mov", "qtrle", "argb", True),
        ("in.mkv", "ffv1", "yuva420p", True), ("in.webm", "libvpx-vp9", "yuv420p", False),
    ],
)  # fmt: skip
def test_transparency_that_is_left_out_is_told(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], name: str, codec: str, pixels: str, told: bool
) -> None:
    source = clips.encode(tmp_path / name, moving[0][:2], sound=None, codec=codec, pixels=pixels)
    expected = ("its transparency is left out: H.264 has none",) if told else ()
    assert Film(source, ClipLimits()).notes == expected


def test_the_direction_is_chosen_by_what_most_faces_are(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator
) -> None:
    source = clips.encode(tmp_path / "in.mp4", moving[0][:4], sound=None)
    asked: list[Domain] = []

    class Sees(Counting):
        """Takes every face for a photograph."""

        def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
            return [Face(face.landmarks, "real", face.score) for face in super().__call__(image, coarse=coarse)]

        def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
            return [Face(face.landmarks, "real", face.score) for face in super().follow(image, faces)]

    def translator(to: Domain) -> Translator:
        asked.append(to)
        return negative

    usual = FollowingFinder(default_finder(1))
    for finder, to in ((Sees(), None), (usual, None), (usual, "anime")):
        translate_clip(source, tmp_path / "out.mp4", translator, ClipOptions(to=to), finder=finder)  # type: ignore[arg-type]
    assert asked == ["anime", "real", "anime"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (ClipLimits(picture=Limits(max_pixels=1000)), "320×240 = 76,800 pixels"),
        (ClipLimits(max_frames=10), "more frames than the 10 allowed"),
        (ClipLimits(max_seconds=0.5), "more than the 0 allowed"),
        (ClipLimits(max_bytes=100), "more bytes than the 100 allowed"),
    ],
)
def test_limits(tmp_path: Path, film: Path, negative: Translator, limits: ClipLimits, words: str) -> None:
    with pytest.raises(ClipError, match=words) as error:
        run(film, tmp_path / "out.mp4", negative, limits=limits)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def cut(content: bytes) -> bytes:
    return content[: len(content) // 3]


@pytest.mark.parametrize(
    "broken",
    [
        cut,
        lambda content: b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/hostname\n",
        lambda content: b"ffconcat version 1.0\nfile other.mp4\n",
        lambda content: content[:100] + bytes(len(content) - 100),
        lambda content: b"no video",
    ],
)
def test_what_is_no_video_or_names_other_files_is_one_line(
    tmp_path: Path, film: Path, negative: Translator, broken: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "other.mp4").write_bytes(film.read_bytes())
    source = tmp_path / "in.mp4"
    source.write_bytes(broken(film.read_bytes()))
    with pytest.raises(ClipError, match=r"in\.mp4") as error:
        run(source, tmp_path / "out.mp4", negative)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "other.mp4"]


def test_smoothing_lessens_what_the_finder_trembles(tmp_path: Path, film: Path, negative: Translator) -> None:
    class Trembling(Counting):
        """Off by a hundredth of the face, anew each time."""

        random = np.random.default_rng(0)

        def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
            return [
                Face(f.landmarks + self.random.normal(0, 1.0, TEMPLATE.shape), f.domain, f.score)
                for f in super().follow(image, faces)
            ]

    def bend(result: ClipResult) -> float:
        """Mean second difference of the landmarks, px."""
        (track,) = result.tracks
        return float(np.abs(np.diff(track.landmarks, 2, axis=0)).mean())

    raw = run(film, tmp_path / "raw.mp4", negative, finder=Trembling(), smooth=None)
    steadied = run(film, tmp_path / "steady.mp4", negative, finder=Trembling())
    assert bend(steadied) < 0.35 * bend(raw)


def test_a_damaged_packet_is_left_out_and_told(tmp_path: Path, moving: tuple[list[Image.Image], Points]) -> None:
    source = clips.encode(tmp_path / "in.mp4", moving[0][:12], sound=None)
    with av.open(str(source)) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.pos][-1]
    content = bytearray(source.read_bytes())
    content[place : place + 4] = b"\xff" * 4  # of a unit's size
    source.write_bytes(content)
    damaged = Film(source, ClipLimits())
    assert len(list(damaged.frames())) == 11
    assert damaged.notes == ("1 of 12 frames are damaged, and left out",)


def test_a_clip_that_is_cut_off_is_told(tmp_path: Path, moving: tuple[list[Image.Image], Points]) -> None:
    source = clips.encode(tmp_path / "in.webm", moving[0] * 2, sound=None, codec="libvpx")
    whole = Film(source, ClipLimits())
    assert (len(list(whole.frames())), whole.notes) == (2 * COUNT, ())
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 3])
    cut = Film(source, ClipLimits())
    frames = len(list(cut.frames()))
    assert cut.notes[0].startswith(f"ends early: {frames} of {2 * COUNT} frames")


def test_sound_of_a_codec_that_is_not_known_is_left_out(
    tmp_path: Path, moving: tuple[list[Image.Image], Points], negative: Translator
) -> None:
    source = clips.encode(tmp_path / "in.mov", moving[0][:6])
    content = source.read_bytes().replace(b"mp4a", b"apac").replace(b"esds", b"dapa")
    source.write_bytes(content)
    result = run(source, tmp_path / "out.mp4", negative)
    assert "1 sound track(s) of a codec that is not known" in result.notes[0]
    with av.open(str(result.path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    source.write_bytes(content.replace(b"avc1", b"xyz1").replace(b"avcC", b"xyzC"))
    with pytest.raises(ClipError, match="pictures of a codec that is not known"):
        Film(source, ClipLimits())


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((1, 0, 0, 1), None), ((-1, 0, 0, 1), Image.Transpose.FLIP_LEFT_RIGHT),
        ((1, 0, 0, -1), Image.Transpose.FLIP_TOP_BOTTOM), ((0, 1, 1, 0), Image.Transpose.TRANSPOSE),
        ((0, -1, -1, 0), Image.Transpose.TRANSVERSE), ((0, 1, -1, 0), Image.Transpose.ROTATE_270),
    ],
)  # fmt: skip
def test_mirrored_display_matrices(matrix: tuple[int, ...], turn: Image.Transpose | None) -> None:
    a, b, c, d = (value << 16 for value in matrix)
    assert turn_of(np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32)) == turn
    if turn is not None:  # a pixel goes where x' = a x + c y, y' = b x + d y puts it, from the middle
        stored = Image.new("L", (3, 3))
        stored.putpixel((2, 1), 255)
        assert stored.transpose(turn).getpixel((1 + matrix[0], 1 + matrix[1])) == 255


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_high_dynamic_range_gives_the_colours_that_went_in(transfer: int) -> None:
    wanted = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.float64)
    wanted[0, 0], wanted[0, 1] = 255, 0
    encoded = wanted / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    light = linear @ np.array([[0.6274, 0.0691, 0.0164], [0.3293, 0.9195, 0.0880], [0.0433, 0.0114, 0.8956]])
    if transfer == PQ:  # SMPTE ST 2084, equation 5.2
        power = (203 * light / 10_000) ** (2610 / 16384)
        signal = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    else:  # BT.2100: the inverse OOTF, and the OETF
        shown = light * 0.203
        scene = shown * np.maximum(shown @ [0.2627, 0.6780, 0.0593], 1e-9)[..., None] ** (1 / 1.2 - 1)
        high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        signal = np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)
    made = tone_mapped(np.rint(signal * 65535).astype(np.uint16), transfer)
    assert np.abs(made - wanted).max() <= 2
