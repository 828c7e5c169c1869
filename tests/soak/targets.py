"""What is fuzzed: each reader of files or requests that may be damaged or come from anybody.

A target has whole inputs, and tries a damaged one: a `UserError` of one line is right, and so is success with a sound
result. All else escapes.
"""

import io
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from PIL import Image

from anime2real.errors import UserError

Labelled = tuple[str, bytes]
"""What a content is, such as the file's name, and the content."""


class Target(Protocol):
    """A reader, with whole inputs for it."""

    seeds: list[Labelled]

    def attempt(self, label: str, content: bytes) -> None:
        """Read a content, and use what it gives."""


def is_text(label: str) -> bool:
    """Whether a content is text."""
    return label.endswith((".json", ".jsonl", ".toml", "SHA256SUMS", ".csv"))


def in_one_line(attempt: Callable[[], object]) -> None:
    """Let a UserError of one line through."""
    try:
        attempt()
    except UserError as error:
        said = str(error)
    else:
        return
    assert said, "an error without words"
    assert "\n" not in said, f"an error of several lines: {said}"


def noise(side: int = 24, seed: int = 0) -> Image.Image:
    """A small picture."""
    small = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (4, 4, 3), np.uint8))
    return small.resize((side, side), Image.Resampling.BICUBIC)


class Pictures:
    """`decode` and `read_marks`."""

    def __init__(self, folder: Path) -> None:
        from anime2real.image.decode import Limits, decode
        from anime2real.image.files import write
        from anime2real.image.provenance import read_marks

        self.file, self.count = folder / "picture", 0
        self.decode, self.limits, self.marks = decode, Limits(max_pixels=1_000_000), read_marks
        self.seeds = []
        picture = noise()
        for suffix in ("png", "jpg", "webp", "avif"):
            write(picture, folder / f"a.{suffix}")
            self.seeds.append((suffix, (folder / f"a.{suffix}").read_bytes()))
        clear = picture.convert("RGBA")
        clear.putalpha(noise(seed=1).convert("L"))
        exif = Image.Exif()
        exif[274] = 6
        grey = Image.fromarray((np.arange(576).reshape(24, 24) * 100).astype(np.uint16))
        kinds: list[tuple[str, Image.Image, dict[str, Any]]] = [
            ("gif", picture.quantize(16), {}), ("gif", clear, {"save_all": True, "append_images": [picture] * 2}),
            ("bmp", picture, {}), ("tiff", picture, {}), ("tiff", picture, {"compression": "tiff_lzw"}),
            ("tiff", picture.convert("CMYK"), {"compression": "tiff_adobe_deflate"}), ("tiff", grey, {}),
            ("png", grey, {}), ("png", clear, {"exif": exif}), ("png", picture.quantize(8), {"transparency": 3}),
            ("png", clear, {"save_all": True, "append_images": [clear.rotate(9)]}), ("png", picture.convert("1"), {}),
            ("webp", clear, {"save_all": True, "append_images": [clear.rotate(9)]}),
            ("webp", clear, {"lossless": True}),
            ("jpeg", picture.convert("CMYK"), {}), ("jpeg", picture.convert("L"), {"progressive": True, "exif": exif}),
        ]  # fmt: skip
        for kind, image, options in kinds:
            buffer = io.BytesIO()
            image.save(buffer, kind, **options)
            self.seeds.append((kind, buffer.getvalue()))

    def attempt(self, label: str, content: bytes) -> None:
        def read() -> None:
            found = self.decode(content, limits=self.limits)
            assert found.image.mode == "RGB"
            assert found.cutout is None or found.cutout.size == found.image.size

        in_one_line(read)
        self.count += 1
        if self.count % 16 == 0:
            self.file.write_bytes(content)
            in_one_line(lambda: self.marks(self.file))


class Clips:
    """Videos and animated pictures, their frames read; some are translated, with a face that is always found."""

    def __init__(self, folder: Path) -> None:
        import clips
        import tiny

        from anime2real.face.geometry import TEMPLATE, Face
        from anime2real.translator import Translator
        from anime2real.video.clip import ClipLimits
        from anime2real.video.translate import ClipOptions, open_clip, translate_clip

        self.folder, self.count, self.seeds = folder, 0, []
        self.options = ClipOptions(to="real", limits=ClipLimits(max_frames=100, max_seconds=20.0), segment=4)
        self.open, self.translate = open_clip, translate_clip
        frames = [noise(48, seed) for seed in range(6)]
        sounds = {"mp4": "aac", "mkv": "aac", "mov": None, "avi": "mp3", "ts": "mp2"}
        for kind, sound in sounds.items():
            made = clips.encode(folder / f"a.{kind}", frames, sound=sound, rotation=90 if kind == "mov" else 0)
            self.seeds.append((made.suffix, made.read_bytes()))
        self.seeds.append((".webm", clips.encode(folder / "a.webm", frames, sound=None, codec="libvpx").read_bytes()))
        for kind in ("gif", "webp", "png"):
            buffer = io.BytesIO()
            frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=40)
            self.seeds.append((f".{kind}", buffer.getvalue()))
        bundle = tiny.write_bundle(folder / "bundle", method="toy")
        self.translator = Translator(bundle)
        face = Face(TEMPLATE * 24 + 12, "anime", 1.0)

        class Finder:
            def __call__(self, image: Image.Image, *, coarse: int = 0, known: Sequence[Face] = ()) -> list[Face]:
                return [face]

            def follow(self, image: Image.Image, faces: Sequence[Face]) -> list[Face]:
                return [replace(one, score=1.0) for one in faces]

        self.finder: Any = Finder()

    def attempt(self, label: str, content: bytes) -> None:
        path = self.folder / f"clip{label}"
        path.write_bytes(content)
        self.count += 1
        target = self.folder / f"result{label}"

        def read() -> None:
            for frame in self.open(path, self.options).frames():
                assert frame.image.mode == "RGB"

        def whole() -> None:
            clip = self.open(path, self.options)
            made = self.translate(
                path, target.with_suffix(f".{clip.suffix}"), lambda to: self.translator, self.options, clip=clip,
                finder=self.finder,
            )  # fmt: skip
            assert made.path.stat().st_size
            made.path.unlink()

        in_one_line(whole if self.count % 8 == 0 else read)
        left = [one for one in self.folder.iterdir() if ".partial" in one.name or one.name.startswith("result")]
        assert not left, f"left behind: {left}"


class Models:
    """ONNX files, through our check, and where it lets them through in ONNX Runtime."""

    def __init__(self, folder: Path) -> None:
        import tiny

        from anime2real.bundle.check import check_translator
        from anime2real.bundle.protobuf import OnnxFileError
        from anime2real.session import open_session

        self.check, self.refusal, self.open = check_translator, OnnxFileError, open_session
        self.seeds = [
            ("", tiny.model(half=True)), ("", tiny.model()), ("style", tiny.styled_model()), ("who", tiny.who_model()),
        ]  # fmt: skip

    def attempt(self, label: str, content: bytes) -> None:
        import tiny

        conditions = tuple(filter(None, (label,)))
        said = None
        try:
            self.check(content, tiny.PX, conditions)
        except self.refusal as error:
            said = str(error)
        if said is not None:
            assert "\n" not in said, said
            return
        try:
            session = self.open(content, 1, bounded=True)
        except Exception as error:  # ONNX Runtime's own kinds, without a public base
            if "onnxruntime" not in type(error).__module__:
                raise
            return
        shapes = {"image": (3, tiny.PX, tiny.PX), "style": (8,), "who": (2,)}
        for count in (1, 3):
            session.run(None, {name: np.zeros((count, *shapes[name]), np.float32) for name in ("image", *conditions)})


class Folders:
    """A folder of files, of which one at a time is damaged."""

    def __init__(self, folder: Path, names: Sequence[str], use: Callable[[Path], object]) -> None:
        self.folder, self.use = folder, use
        self.seeds = [(name, (folder / name).read_bytes()) for name in names]
        self._whole = dict(self.seeds)

    def attempt(self, label: str, content: bytes) -> None:
        # A new file: one that is mapped into memory must not change under whoever read it before.
        (self.folder / label).unlink()
        (self.folder / label).write_bytes(content)
        try:
            in_one_line(lambda: self.use(self.folder))
        finally:
            (self.folder / label).unlink()
            (self.folder / label).write_bytes(self._whole[label])


def bundles(folder: Path) -> Target:
    """Whole bundles, opened as `translate --bundle` does; where nothing is wrong, they translate."""
    import tiny

    from anime2real.translator import Translator

    made = tiny.write_bundle(folder / "bundle", tiny.who_model(), conditions=("who",), ages=(20.0, 60.0)).folder
    picture = noise()

    def use(bundle: Path) -> None:
        assert Translator.open(bundle, threads=1)(picture, crop="none").mode == "RGB"

    return Folders(made, ("bundle.json", "bundle.json", "bundle.json", "model.onnx"), use)


def packs(folder: Path) -> Target:
    """Packs, with all that training reads of them."""
    from toys import with_hair

    from anime2real.data.pack import Pack
    from anime2real.data.prepare import prepare
    from anime2real.domain import DOMAINS

    for domain in DOMAINS:
        (folder / domain).mkdir()
        for at in range(4):
            noise(32, at + 10 * (domain == "real")).save(folder / domain / f"{at}.png")
    anime, real = [folder / "anime"], [folder / "real"]
    prepare(anime, real, folder / "plain", size=32, crop="centre", near=0, test_share=0.3, processes=1, quiet=True)
    made = with_hair(folder / "plain", folder / "pack")

    def use(place: Path) -> None:
        pack = Pack(place)
        pack.check()
        for domain in DOMAINS:
            for split in ("train", "test"):
                rows = pack.rows(domain, split)  # type: ignore[arg-type]
                pack.of_scale(rows, 0.0)
                pack.sources(rows)
                pack.hair_colours(domain, split)  # type: ignore[arg-type]
                pack.pairs(split)  # type: ignore[arg-type]
        _ = pack.digest, pack.landmarks, pack.scales, pack.who, pack.expressions, pack.weights, pack.frames
        _ = pack.marks_drawn_hair, pack.classes
        pack.images[:].sum()

    return Folders(made, ("meta.json", "index.jsonl", "images.npy", "hair.npy", "meta.json", "index.jsonl"), use)


def runs(folder: Path) -> Target:
    """Runs of a training, restored as `export` does."""
    import torch
    from toys import TINY

    from anime2real.train import start
    from anime2real.train.run.config import Budget, TrainConfig
    from anime2real.train.run.restore import restore_run
    from anime2real.train.session import Session

    torch.set_num_threads(1)
    pack = packs(folder)
    assert isinstance(pack, Folders)
    vars(start)["export_translators"] = lambda *_: []
    budget = Budget(pairs=2 * TINY["autoencoder"].batch_size)
    config, session = TrainConfig("autoencoder", TINY["autoencoder"], budget), Session("cpu", quiet=True)
    start.train(config, pack.folder, folder / "run", session)
    (step,) = (path.name for path in (folder / "run" / "checkpoints").iterdir() if path.is_dir())
    files = ("model.safetensors", "optimizers.safetensors", "state.json", "SHA256SUMS")
    names = ("config.toml", "pack.json", "environment.json", *(f"checkpoints/{step}/{name}" for name in files))
    return Folders(folder / "run", names, restore_run)


def _known(table: dict[str, Any]) -> dict[str, Any]:
    """A table without what only a pack decides."""
    return table | {"options": {name: value for name, value in table["options"].items() if value is not None}}


class Configs:
    """config.toml of every method."""

    def __init__(self, folder: Path) -> None:
        import tomli_w
        from toys import TINY

        from anime2real.train.run.config import Budget, TrainConfig, TrainError
        from anime2real.train.run.table import config_from

        self.read, self.error = config_from, TrainError
        configs = (
            TrainConfig(
                method, options, Budget(minutes=2.0), ema_shares=(0.1, 0.5), earlier_budgets=(Budget(minutes=1.0),)
            )
            for method, options in TINY.items()
        )
        self.seeds = [(f"{one.method}.toml", tomli_w.dumps(_known(one.as_table())).encode()) for one in configs]

    def attempt(self, label: str, content: bytes) -> None:
        try:
            table = tomllib.loads(content.decode("utf-8"))
        except (ValueError, RecursionError):  # which `RunFolder` says in a line
            return
        in_one_line(lambda: self.read(table, Path("config.toml")))


class Requests:
    """Bodies of requests to `serve` and `study`: an answer is JSON of one line, or a picture, and never 500."""

    def __init__(self, folder: Path) -> None:
        import tiny
        from fastapi.testclient import TestClient
        from studies import pictures

        from anime2real.study.create import create_study
        from anime2real.study.server import create_app as study_app
        from anime2real.web.app import create_app

        bundle = tiny.write_bundle(folder / "bundle", method="toy")
        study = create_study(folder / "study", {"real": pictures(2)}, comparisons=1, controls=1, checks=1)
        self.served = TestClient(create_app([bundle]), base_url="http://localhost").__enter__()
        self.asked = TestClient(study_app(study), base_url="http://localhost")
        rater = self.asked.post("/v1/raters").json()["rater"]
        trial = self.asked.post("/v1/next", json={"rater": rater}).json()["trial"]
        buffer = io.BytesIO()
        noise(16).save(buffer, "PNG")
        fields = {"to": "real", "method": "toy", "face": "centre", "layout": "face", "variant": "0", "who": "auto"}
        parts = [f'form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
        parts.append(b'form-data; name="picture"; filename="a.png"\r\n\r\n' + buffer.getvalue())
        form = b"".join(b"--cut\r\nContent-Disposition: " + part + b"\r\n" for part in parts) + b"--cut--\r\n"
        answer = {"rater": rater, "trial": trial, "chosen": 0, "milliseconds": 900}
        self.seeds = [
            ("/v1/translate", form), ("/v1/faces", form), ("/v1/next.json", json.dumps({"rater": rater}).encode()),
            ("/v1/answers.json", json.dumps(answer).encode()),
        ]  # fmt: skip

    def attempt(self, label: str, content: bytes) -> None:
        if label.endswith(".json"):
            path, client, kind = label.removesuffix(".json"), self.asked, "application/json"
        else:
            path, client, kind = label, self.served, "multipart/form-data; boundary=cut"
        answer = client.post(path, content=content, headers={"Content-Type": kind})
        assert answer.status_code < 500, f"{answer.status_code}: {answer.text[:200]}"
        if answer.status_code >= 400:
            told = answer.json()
            assert list(told) == ["error"], told
            assert "\n" not in told["error"], told


TARGETS: Final[dict[str, Callable[[Path], Target]]] = {
    "pictures": Pictures, "clips": Clips, "models": Models, "bundles": bundles, "packs": packs, "runs": runs,
    "configs": Configs, "requests": Requests,
}  # fmt: skip
"""By the kind of what is damaged."""
