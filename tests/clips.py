"""Clips made on the spot: a drawn face of `examples/` that moves on a known path, with a tone beside it."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anime2real.face.geometry import Points, Similarity, around
from anime2real.translator import find_faces

EXAMPLES = Path(__file__).parent.parent / "examples"
SIZE = (320, 240)


def face(name: str = "aoi") -> tuple[Image.Image, Points]:
    """A drawing, and the landmarks (5, 2) in it, px."""
    with Image.open(EXAMPLES / f"{name}.png") as drawing:
        image = drawing.convert("RGB")
    return image, find_faces(image)[0].landmarks


def background(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Soft colours in which nothing looks like a face."""
    noise = np.random.default_rng(seed).integers(60, 200, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def laid(base: Image.Image, drawing: Image.Image, to_picture: Similarity) -> Image.Image:
    """A drawing laid on a background by a similarity from its px to the background's."""
    inverse = tuple(to_picture.inverse.matrix().flatten())
    turned = drawing.transform(base.size, Image.Transform.AFFINE, inverse, resample=Image.Resampling.BICUBIC)
    mask = Image.new("L", drawing.size, 255)
    opaque = mask.transform(base.size, Image.Transform.AFFINE, inverse, resample=Image.Resampling.BICUBIC)
    result = base.copy()
    result.paste(turned, (0, 0), opaque)
    return result


def path(count: int, rate: float = 25.0, size: tuple[int, int] = SIZE, side: float = 150.0) -> list[Similarity]:
    """From px of a drawing of 256×256 to the picture's: back and forth, nodding, breathing."""
    places = []
    for i in range(count):
        t = i / rate
        x, y = size[0] / 2 + 0.14 * size[0] * np.sin(2 * t), size[1] / 2 + 6 * np.sin(3 * t)
        angle, scale = 0.12 * np.sin(1.5 * t), side * (1 + 0.06 * np.sin(1.1 * t))
        unit = around((128.0, 128.0), 256.0)
        places.append(unit.then(around((float(x), float(y)), float(scale), float(angle)).inverse))
    return places


def moving(
    count: int, name: str = "aoi", size: tuple[int, int] = SIZE, side: float = 150.0, seed: int = 0
) -> tuple[list[Image.Image], NDArray[np.float64]]:
    """Frames, and where the face's landmarks are in each: (T, 5, 2), px."""
    drawing, landmarks = face(name)
    base = background(size, seed)
    places = path(count, size=size, side=side)
    return [laid(base, drawing, place) for place in places], np.stack([place(landmarks) for place in places])


def encode(
    file: Path,
    frames: Sequence[Image.Image],
    *,
    pts: Sequence[int] | None = None,
    base: Fraction = Fraction(1, 12800),
    rate: Fraction = Fraction(25),
    sound: str | None = "aac",
    rotation: int = 0,
    crf: int = 16,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    aspect: Fraction | None = None,
) -> Path:
    """A video of frames, and of a tone as long, if `sound` names a codec."""
    seconds = len(frames) / float(rate)
    options = {"libx264": {"crf": str(crf), "preset": "ultrafast"}, "libvpx": {"crf": str(crf)}}
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream(codec, rate, options.get(codec, {}))
        stream.width, stream.height = frames[0].size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = base
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        tone: Any = container.add_stream(sound, 48_000) if sound else None
        for i, frame in enumerate(frames):
            made = av.VideoFrame.from_image(frame)
            made.pts, made.time_base = pts[i] if pts else round(i / rate / base), base
            container.mux(stream.encode(made))
        container.mux(stream.encode())
        if tone is not None:
            wave = np.sin(2 * np.pi * 440 * np.arange(int(48_000 * seconds)) / 48_000).astype(np.float32) / 4
            wanted = tone.codec_context.format.name
            resampler = av.AudioResampler(format=wanted, layout="stereo", rate=48_000)
            samples = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
            samples.sample_rate, samples.pts = 48_000, 0
            fifo = av.AudioFifo()
            for part in resampler.resample(samples):
                fifo.write(part)
            while piece := fifo.read(tone.codec_context.frame_size or 1024, partial=True):
                container.mux(tone.encode(piece))
            container.mux(tone.encode())
    return file


def packets(file: Path, kind: str) -> list[tuple[bytes, Fraction]]:
    """The packets of a file's first `audio` or `video` stream: their bytes, and when they are shown."""
    with av.open(str(file)) as container:
        stream = getattr(container.streams, kind)[0]
        return [(bytes(p), Fraction(p.pts * p.time_base)) for p in container.demux(stream) if p.pts is not None]


def decode(file: Path) -> tuple[list[Image.Image], list[Fraction]]:
    """A video's frames, and when they are shown, s."""
    with av.open(str(file)) as container:
        pairs: list[Any] = list(container.decode(video=0))
        return [frame.to_image() for frame in pairs], [Fraction(frame.pts * frame.time_base) for frame in pairs]
