"""Make a study: translate a pack's test pictures with every method, choose the trials, and write the folder."""

import itertools
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from anime2real.atomic_folder import atomic_folder
from anime2real.bundle.registry import find_bundles
from anime2real.domain import Domain, other
from anime2real.face.geometry import square
from anime2real.image.files import write
from anime2real.measure.compare import from_pack
from anime2real.measure.sharpness import resized
from anime2real.pipeline import crop_faces, translate_crops
from anime2real.study.trials import FORMAT_VERSION, PICTURES, STUDY_FILE, Kind, Side, Study, StudyError, Trial
from anime2real.translator import Translator

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class DirectionPictures:
    """The pictures of one direction's trials.

    Attributes:
        results: by method, (N, S, S, 3) uint8, all of the same N inputs.
        real: (R, S, S, 3) uint8, real pictures of the domain that is translated to.
    """

    results: Mapping[str, Pixels]
    real: Pixels


def check_free(folder: Path) -> None:
    """Refuse a place where something is, with a StudyError."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{folder} is there already and not a study: name another folder")


def create_study(
    folder: Path,
    pictures: Mapping[Domain, DirectionPictures],
    *,
    comparisons: int = 20,
    controls: int = 10,
    checks: int = 3,
    seed: int = 0,
) -> Study:
    """Choose the trials and write the study.

    Args:
        folder: created here; must not exist, or be empty.
        pictures: by the domain that was translated to.
        comparisons: `methods` trials for each pair of methods and direction.
        controls: `real` trials for each method and direction.
        checks: `attention` trials for each direction.
        seed: of the choice of pictures.

    Raises:
        StudyError: the folder is in use, or there are too few pictures for a trial of some kind.
    """
    check_free(folder)
    for domain, of_domain in pictures.items():
        counts = {name: len(results) for name, results in of_domain.results.items()}
        if not counts or min(counts.values()) < 1 or len(set(counts.values())) != 1:
            raise StudyError(f"every method needs results of the same pictures to {domain}, not {counts}")
        if controls and not len(of_domain.real):
            raise StudyError(f"no real {domain} picture to compare with: the pack has none in its test split")
    try:
        with atomic_folder(folder) as partial:
            (partial / PICTURES).mkdir()
            trials: list[Trial] = []
            for domain, of_domain in pictures.items():
                writer = _TrialWriter(partial / PICTURES, domain, of_domain, seed)
                trials += writer.trials(comparisons, controls, checks)
            methods = {domain: tuple(of_domain.results) for domain, of_domain in pictures.items()}
            record = {"format_version": FORMAT_VERSION, "seed": seed, "methods": methods}
            record["trials"] = [asdict(trial) for trial in trials]
            (partial / STUDY_FILE).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{folder} cannot be written: {error.strerror or error}") from error
    return Study(folder, methods, tuple(trials), seed)


class _TrialWriter:
    """Chooses the trials of one direction and writes each of their pictures once."""

    def __init__(self, folder: Path, domain: Domain, pictures: DirectionPictures, seed: int) -> None:
        self._folder, self._domain, self._pictures = folder, domain, pictures
        self._random = np.random.default_rng([seed, domain == "real"])
        self._files: dict[tuple[str, int], str] = {}

    def trials(self, comparisons: int, controls: int, checks: int) -> list[Trial]:
        """All trials; arguments as for `create_study`."""
        methods = list(self._pictures.results)
        inputs = len(self._pictures.results[methods[0]])
        trials = []
        for first, second in itertools.combinations(methods, 2):
            for i in self._choose(inputs, comparisons):
                trials.append(self._trial("methods", self._result(first, i), self._result(second, i)))
        for method in methods:
            reals = self._choose(len(self._pictures.real), controls)
            for i, j in zip(self._choose(inputs, controls), reals, strict=False):
                trials.append(self._trial("real", self._result(method, i), self._real(j)))
        for i in self._choose(inputs, checks):
            method = methods[int(self._random.integers(len(methods)))]
            trials.append(self._trial("attention", self._result(method, i), self._spoiled(method, i)))
        return trials

    def _trial(self, kind: Kind, first: Side, second: Side) -> Trial:
        return Trial(secrets.token_hex(6), kind, self._domain, (first, second))

    def _choose(self, available: int, wanted: int) -> list[int]:
        return [int(i) for i in np.sort(self._random.permutation(available)[:wanted])]

    def _result(self, method: str, i: int) -> Side:
        results = self._pictures.results[method]
        return Side(self._write_once((method, i), lambda: Image.fromarray(results[i])), method)

    def _real(self, i: int) -> Side:
        return Side(self._write_once(("real", i), lambda: Image.fromarray(self._pictures.real[i])), "real")

    def _spoiled(self, method: str, i: int) -> Side:
        def spoil() -> Image.Image:
            picture = Image.fromarray(self._pictures.results[method][i])
            picture = picture.filter(ImageFilter.GaussianBlur(picture.width / 24))
            noise = self._random.normal(0, 60, (picture.height, picture.width, 3))
            return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))

        return Side(self._write_once((f"spoiled {method}", i), spoil), "spoiled")

    def _write_once(self, key: tuple[str, int], picture: Callable[[], Image.Image]) -> str:
        """The random file name of a picture, which is written when it is first asked for."""
        if key not in self._files:
            name = f"{secrets.token_hex(8)}.png"
            if key[0] == "real":  # it is not generated, so it carries no mark
                picture().save(self._folder / name)
            else:
                write(picture(), self._folder / name)
            self._files[key] = name
        return self._files[key]


def translate_pack(
    methods: Sequence[str], data: Path, to: Sequence[Domain], inputs: int, progress: Callable[[str], None]
) -> dict[Domain, DirectionPictures]:
    """Translate a pack's test pictures with every method.

    Args:
        methods: names of methods that ship, or folders of bundles.
        data: the pack, of aligned faces.
        to: the directions that are wanted.
        inputs: pictures of each domain at most.
        progress: called with the method and direction that is translated next.

    Raises:
        BundleError: a bundle cannot be opened.
        PackError: the pack cannot be opened.
        StudyError: no method translates to a domain, or two have the same name.
    """
    bundles = [bundle for name in methods for bundle in find_bundles(name)]
    pictures: dict[Domain, DirectionPictures] = {}
    for domain in to:
        by_method = {bundle.method: bundle for bundle in bundles if bundle.target == domain}
        if len(by_method) != sum(bundle.target == domain for bundle in bundles):
            raise StudyError(f"two bundles to {domain} have one method's name: name each method once")
        if not by_method:
            raise StudyError(f"none of {', '.join(methods)} translates to {domain}: leave that direction out")
        side = max(bundle.px for bundle in by_method.values())
        sources = [subject.image for subject in from_pack(data, other(domain), inputs)]
        results = {}
        for name, bundle in by_method.items():
            progress(f"{name} to {domain}")
            crops = [crop_faces(image, (), bundle, lined_up=True) for image in sources]
            results[name] = resized(np.concatenate(translate_crops(Translator(bundle), crops)), side)
        real = [np.asarray(square(subject.image, side)) for subject in from_pack(data, domain, inputs)]
        pictures[domain] = DirectionPictures(results, np.stack(real))
    return pictures
