"""The work on a picture as functions of its bytes: decode, find faces, cut out; then put together and encode.

The batcher runs the networks in between. Everything here runs in worker threads, not in the event loop.
"""

import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from typing import Final

from PIL import Image

from anime2real.bundle.format import Bundle
from anime2real.bundle.registry import best_method
from anime2real.domain import DOMAINS, Domain
from anime2real.face.by_hand import face_in_box
from anime2real.face.finder import default_finder
from anime2real.face.geometry import Face
from anime2real.face.who import AS_SEEN
from anime2real.image.decode import Decoded, Limits, decode, opened
from anime2real.image.files import encode
from anime2real.image.provenance import Making
from anime2real.making import USUAL, in_words, making_of
from anime2real.pipeline import Crops, Layout, NoFaceError, already_note, compose, crop_faces, faces_in
from anime2real.session import available_cores
from anime2real.web.batcher import Pixels
from anime2real.web.problem import HttpProblem
from anime2real.web.request import TranslateRequest
from anime2real.web.settings import Settings
from anime2real.web.translators import ParallelTranslator
from anime2real.web.worker import check_wanted

MAX_TRANSLATIONS: Final = 32
"""Translations that one request may ask for: faces times methods."""

NAME: Final = "the picture"


@dataclass(frozen=True)
class Job:
    """Crops for one network.

    Attributes:
        bundle: to run.
        faces: the numbers of the faces that were cropped; None is the centre square, or a box.
        crops: what the network takes.
        variant: which result of each.
        redraws: whether results are redrawn.
        asked: what was asked for, as results tell it in their marks.
    """

    bundle: Bundle
    faces: tuple[int | None, ...]
    crops: Crops
    variant: int
    redraws: bool = True
    asked: str = USUAL

    @property
    def key(self) -> tuple[str, Domain, bool]:
        """Of the service's translator."""
        return self.bundle.method, self.bundle.target, self.redraws


@dataclass(frozen=True)
class PreparedPicture:
    """A picture whose crops are ready for the networks.

    Attributes:
        to, layout: of the results.
        jobs: one a network, or one a face of `replace`.
        notes: what the user should know.
        together: whether all jobs go into one picture.
    """

    to: Domain
    layout: Layout
    jobs: tuple[Job, ...]
    notes: tuple[str, ...]
    together: bool = False


@dataclass(frozen=True)
class Result:
    """A finished picture.

    Attributes:
        method: that made it.
        faces: the numbers of the faces in it, as in `PreparedPicture`.
        size: (width, height), px.
        png: the file, marked as generated.
        before: the crop that went in, (S, S, 3); None where the result is the whole picture.
    """

    method: str
    faces: tuple[int | None, ...]
    size: tuple[int, int]
    png: bytes
    before: Pixels | None


class TranslationService:
    """Holds the networks, and works on pictures within the server's limits.

    Args:
        bundles: to offer, in the order in which they are listed; those that take label maps are not, for uploads are
            pictures.
        settings: limits and threads.

    Attributes:
        seconds_each: that a translation takes, roughly, from a try at the start.

    Raises:
        BundleError: the default bundle of a domain is damaged; the others are loaded when they are first needed.
    """

    def __init__(self, bundles: Sequence[Bundle], settings: Settings) -> None:
        self.bundles = tuple(bundle for bundle in bundles if not bundle.classes)
        self.workers = max(2, threads := settings.threads or available_cores())
        self._made: dict[tuple[str, Domain, bool], Making] = {}
        self._limits = Limits(settings.max_bytes, settings.max_pixels)
        self._crop_pool = ThreadPoolExecutor(threads, thread_name_prefix="crop")
        self.translators = {
            (b.method, b.target, redraws): ParallelTranslator(b, threads, self._crop_pool, redraws=redraws)
            for b in self.bundles
            for redraws in (True, False)
        }
        slowest = max((self.translators[*key, True].load() for key in sorted(self.defaults())), default=0.0)
        start = time.monotonic()
        default_finder(1)(Image.new("RGB", (256, 256)))  # load it now, so that the first client need not wait
        self.seconds_each = slowest + time.monotonic() - start

    def close(self) -> None:
        """Shut the threads down."""
        self._crop_pool.shutdown(cancel_futures=True)

    def defaults(self) -> set[tuple[str, Domain]]:
        """Method and domain of the best bundle to each domain."""
        return {(method, to) for to in DOMAINS if (method := self._default(to)) is not None}

    def _default(self, to: Domain, *, with_variants: bool = False) -> str | None:
        available = [b.method for b in self.bundles if b.target == to and (b.variants > 1 or not with_variants)]
        return best_method(available)

    def pixel_count(self, content: bytes) -> int:
        """Width times height of a picture, from its header.

        Raises:
            PictureError: it cannot be read, or is beyond the limits.
        """
        with opened(content, NAME, self._limits) as picture:
            width, height = picture.size
            return width * height

    def find_faces(self, content: bytes) -> tuple[Decoded, list[Face]]:
        """A decoded picture and the faces in it, the largest first.

        Raises:
            PictureError: it cannot be read, or is beyond the limits.
        """
        decoded = decode(content, limits=self._limits, name=NAME)
        check_wanted()
        return decoded, default_finder(1)(decoded.image)  # several pictures run at once, so one thread each is enough

    def prepare(self, content: bytes, request: TranslateRequest) -> PreparedPicture:
        """Decode a picture and cut out the crops for the networks that the request names.

        Raises:
            PictureError: it cannot be read, or is beyond the limits.
            HttpProblem: there is no such face or method, or more is asked for than allowed.
        """
        decoded = decode(content, limits=self._limits, name=NAME)
        check_wanted()
        requests = [
            replace(request, to=p.to, methods=(p.method,) if p.method else (), face=p.face, box=p.box,
                    variant=p.variant, who=p.who, replacements=())
            for p in request.replacements
        ] or [request]  # fmt: skip
        looked = any(one.box is None and one.face != "centre" for one in requests)
        found = _faces(decoded.image) if looked else []
        jobs: list[Job] = []
        notes: list[str] = list(decoded.notes)
        directions = []
        for one in requests:
            chosen = _choose_faces(decoded.image, found, one)
            largest = min(chosen, default=None)
            to = one.direction(None if largest is None or not chosen[largest].score else chosen[largest].domain)
            default = self._default(to, with_variants=one.variant > 0) or self._default(to)
            bundles = one.bundles(self.bundles, default, to)
            if (count := len(jobs) + len(bundles) * max(1, len(chosen))) > MAX_TRANSLATIONS:
                raise HttpProblem(422, f"that is {count} translations, more than the {MAX_TRANSLATIONS} allowed: "
                                       "choose one face or one method")  # fmt: skip
            numbers = tuple(None if one.box else number for number in chosen) or (None,)
            for bundle in bundles:
                check_wanted()
                crops = crop_faces(decoded.image, list(chosen.values()), bundle, who=one.who)
                crops = replace(crops, cutout=decoded.cutout if request.layout == "paste" else None)
                jobs.append(Job(bundle, numbers, crops, one.variant, request.redraws, _asked(one, bundle)))
            notes += already_note([face.domain for face in chosen.values() if face.score], to)
            directions.append(to)
        return PreparedPicture(
            directions[0], request.layout, tuple(jobs), tuple(dict.fromkeys(notes)), bool(request.replacements)
        )

    def finish(self, prepared: PreparedPicture, outputs: Sequence[Pixels]) -> list[Result]:
        """The pictures that were asked for: for each method, for each face; or one, with all that is replaced.

        Args:
            prepared: what went in.
            outputs: (K, S, S, 3), each network's.
        """
        if prepared.together:
            return [self._together(prepared, outputs)]
        results = []
        for job, translated in zip(prepared.jobs, outputs, strict=True):
            check_wanted()
            method, crops, making = job.bundle.method, job.crops, self._making(job)
            images = compose(crops, translated, prepared.layout)
            check_wanted()
            if prepared.layout == "paste":
                results.append(Result(method, job.faces, images[0].size, encode(images[0], "PNG", making=making), None))
                continue
            for face, before, image in zip(job.faces, crops.pixels, images, strict=True):
                results.append(Result(method, (face,), image.size, encode(image, "PNG", making=making), before))
        return results

    def _making(self, job: Job) -> Making:
        """By what a job's results are made; looked up once, since the networks live on without their folders."""
        made = self._made.get(job.key) or making_of(job.bundle, USUAL, redraws=job.redraws)
        return replace(self._made.setdefault(job.key, made), asked=job.asked)

    def _together(self, prepared: PreparedPicture, outputs: Sequence[Pixels]) -> Result:
        """One picture into which the results of all jobs are pasted, the first on top."""
        image: Image.Image | None = None
        for job, translated in reversed(list(zip(prepared.jobs, outputs, strict=True))):
            check_wanted()
            crops = job.crops
            if image is not None:
                crops = replace(crops, image=image) if crops.cutout is None else replace(crops, cutout=image)
            (image,) = compose(crops, translated, "paste")
        assert image is not None
        methods = "+".join(dict.fromkeys(job.bundle.method for job in prepared.jobs))
        faces = tuple(face for job in prepared.jobs for face in job.faces)
        makings = list(dict.fromkeys(self._making(job) for job in prepared.jobs))
        together = Making(*("; ".join(dict.fromkeys(parts)) for parts in zip(*map(astuple, makings), strict=True)))
        return Result(methods, faces, image.size, encode(image, "PNG", making=together), None)


def _asked(request: TranslateRequest, bundle: Bundle) -> str:
    """What is asked for of a bundle, as results of the command line tell it: there faces count from 1, and all are
    pasted. Where all methods are asked for, those that cannot be told show whom they would."""
    face: str | int = "all"
    if request.box is None and isinstance(request.face, int) and (request.face or request.layout == "paste"):
        face = request.face + 1
    crop = "none" if request.box is None and request.face == "centre" else "face"
    who = request.who if bundle.takes_who else AS_SEEN
    return in_words(layout=request.layout, crop=crop, face=face, variant=request.variant, who=who)


def _faces(image: Image.Image) -> list[Face]:
    try:
        return faces_in(image, where=NAME, instead="send face=centre", threads=1)
    except NoFaceError as error:
        raise HttpProblem(422, str(error)) from error


def _choose_faces(image: Image.Image, faces: Sequence[Face], request: TranslateRequest) -> dict[int, Face]:
    """The faces of a picture that a request asks for, by number; none where it takes the centre for one."""
    if request.box is not None:
        return {0: face_in_box(image, request.box, request.to)}
    face = request.face
    if face == "centre":
        return {}
    if face == "all":
        return dict(enumerate(faces))
    if face >= len(faces):
        there = "is one, number 0" if len(faces) == 1 else f"are {len(faces)}, from 0"
        raise HttpProblem(422, f"{NAME} has no face {face}: there {there}")
    return {face: faces[face]}


def unmarked_png(pixels: Pixels) -> bytes:
    """The PNG of a crop that went in; it is not generated, so it carries no mark."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
