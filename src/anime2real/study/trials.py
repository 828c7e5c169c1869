"""What a study shows: every trial with its two pictures, fixed before the first rater comes.

A study is a folder: `study.json` with the trials, `pictures/` with their pictures under names that tell nothing,
`answers.sqlite` with what was answered. Three kinds of trial:

- `methods`: two methods' results for one input; which looks more like a photograph (or a drawing)?
- `real`: a method's result and a real picture of the same domain; which is the real one?
- `attention`: a result and the same one spoiled; whoever chooses the spoiled one is not looking.
"""

import itertools
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from anime2real.atomic import atomic_folder
from anime2real.domain import Domain
from anime2real.errors import UserError
from anime2real.image.picture import write

FORMAT_VERSION: Final = 1
PLAN: Final = "study.json"
PICTURES: Final = "pictures"

Kind = Literal["methods", "real", "attention"]
Pixels = NDArray[np.uint8]


class StudyError(UserError):
    """A study that cannot be made, or is damaged."""


@dataclass(frozen=True)
class Side:
    """One of a trial's two pictures.

    Attributes:
        picture: its file in `pictures/`.
        what: the method that made it; `real` or `spoiled` for what none made.
    """

    picture: str
    what: str


@dataclass(frozen=True)
class Trial:
    """Two pictures and a question.

    Attributes:
        name: unique in the study.
        kind: see above.
        to: the domain that both pictures are to look like.
        sides: in no order that a rater sees.
    """

    name: str
    kind: Kind
    to: Domain
    sides: tuple[Side, Side]

    @property
    def right(self) -> str | None:
        """What an attentive rater chooses, where there is such a thing."""
        return next((s.what for s in self.sides if s.what != "spoiled"), None) if self.kind == "attention" else None


@dataclass(frozen=True)
class Plan:
    """A whole study.

    Attributes:
        folder: where it lies.
        methods: that are compared, by the domain they translate to.
        trials: all of them.
        seed: of the choice.
    """

    folder: Path
    methods: Mapping[Domain, tuple[str, ...]]
    trials: tuple[Trial, ...]
    seed: int

    def for_rater(self, rater: str) -> list[tuple[Trial, bool]]:
        """The trials in a rater's own order, each with whether its sides are exchanged."""
        random = np.random.default_rng([self.seed, *rater.encode()])
        order = random.permutation(len(self.trials))
        swapped = random.random(len(self.trials)) < 0.5
        return [(self.trials[i], bool(swapped[i])) for i in order]


@dataclass(frozen=True)
class Material:
    """What a direction's trials are made of.

    Attributes:
        results: by method, (N, S, S, 3) uint8, all of the same N inputs.
        real: (R, S, S, 3) uint8, real pictures of the domain.
    """

    results: Mapping[str, Pixels]
    real: Pixels


def make(
    folder: Path,
    material: Mapping[Domain, Material],
    *,
    comparisons: int = 20,
    controls: int = 10,
    checks: int = 3,
    seed: int = 0,
) -> Plan:
    """Write a study.

    Args:
        folder: made here; must not be there, or be empty.
        material: by the domain that was translated to.
        comparisons: `methods` trials for each pair of methods and direction.
        controls: `real` trials for each method and direction.
        checks: `attention` trials for each direction.
        seed: of the choice of pictures.

    Raises:
        StudyError: the folder is in use, or there are too few pictures for a trial of some kind.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(f"{folder} is there already and not a study: name another folder")
    for domain, of in material.items():
        counts = {name: len(pictures) for name, pictures in of.results.items()}
        if not counts or min(counts.values()) < 1 or len(set(counts.values())) != 1:
            raise StudyError(f"every method needs results of the same pictures to {domain}, not {counts}")
        if controls and not len(of.real):
            raise StudyError(f"no real {domain} picture to compare with: the pack has none in its test split")
    try:
        with atomic_folder(folder) as partial:
            (partial / PICTURES).mkdir()
            trials: list[Trial] = []
            for domain, of in material.items():
                trials += _Maker(partial / PICTURES, domain, of, seed).trials(comparisons, controls, checks)
            methods = {domain: tuple(of.results) for domain, of in material.items()}
            plan = Plan(folder, methods, tuple(trials), seed)
            record = {"format_version": FORMAT_VERSION, "seed": seed, "methods": methods}
            record["trials"] = [asdict(trial) for trial in trials]
            (partial / PLAN).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StudyError(f"{folder} cannot be written: {error.strerror or error}") from error
    return plan


def read(folder: Path) -> Plan:
    """Open a study.

    Raises:
        StudyError: there is none, or it is damaged.
    """
    try:
        record: dict[str, Any] = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        if record["format_version"] != FORMAT_VERSION:
            raise StudyError(f"{folder} has study format {record['format_version']}, this program {FORMAT_VERSION}")
        trials = []
        for trial in record["trials"]:
            one, two = (Side(**side) for side in trial["sides"])
            trials.append(Trial(trial["name"], trial["kind"], trial["to"], (one, two)))
        methods = {domain: tuple(names) for domain, names in record["methods"].items()}
        return Plan(folder, methods, tuple(trials), int(record["seed"]))
    except FileNotFoundError as error:
        raise StudyError(f"{folder} is no study: there is no {PLAN}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{folder} is a damaged study ({error}): make it again") from error


class _Maker:
    """Makes a direction's trials, writing each picture once."""

    def __init__(self, folder: Path, domain: Domain, material: Material, seed: int) -> None:
        self._folder, self._domain, self._material = folder, domain, material
        self._random = np.random.default_rng([seed, domain == "real"])
        self._names: dict[tuple[str, int], str] = {}

    def trials(self, comparisons: int, controls: int, checks: int) -> list[Trial]:
        """All of them."""
        methods = list(self._material.results)
        inputs = len(self._material.results[methods[0]])
        trials = []
        for one, two in itertools.combinations(methods, 2):
            for i in self._chosen(inputs, comparisons):
                trials.append(self._trial("methods", self._result(one, i), self._result(two, i)))
        for method in methods:
            reals = self._chosen(len(self._material.real), controls)
            for i, j in zip(self._chosen(inputs, controls), reals, strict=False):
                trials.append(self._trial("real", self._result(method, i), self._real(j)))
        for i in self._chosen(inputs, checks):
            method = methods[int(self._random.integers(len(methods)))]
            trials.append(self._trial("attention", self._result(method, i), self._spoiled(method, i)))
        return trials

    def _trial(self, kind: Kind, one: Side, two: Side) -> Trial:
        return Trial(secrets.token_hex(6), kind, self._domain, (one, two))

    def _chosen(self, available: int, wanted: int) -> list[int]:
        return [int(i) for i in np.sort(self._random.permutation(available)[:wanted])]

    def _result(self, method: str, i: int) -> Side:
        return Side(self._written((method, i), lambda: Image.fromarray(self._material.results[method][i])), method)

    def _real(self, i: int) -> Side:
        # A real picture carries no mark of having been made: as its own bytes it would give itself away, so
        # pictures are served without any metadata, and the marks stay in the study's folder.
        return Side(self._written(("real", i), lambda: Image.fromarray(self._material.real[i])), "real")

    def _spoiled(self, method: str, i: int) -> Side:
        def spoil() -> Image.Image:
            picture = Image.fromarray(self._material.results[method][i])
            picture = picture.filter(ImageFilter.GaussianBlur(picture.width / 24))
            noise = self._random.normal(0, 60, (picture.height, picture.width, 3))
            return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))

        return Side(self._written((f"spoiled {method}", i), spoil), "spoiled")

    def _written(self, key: tuple[str, int], picture: Callable[[], Image.Image]) -> str:
        if key not in self._names:
            name = f"{secrets.token_hex(8)}.png"
            if key[0] == "real":
                picture().save(self._folder / name)
            else:
                write(picture(), self._folder / name)
            self._names[key] = name
        return self._names[key]


def gathered(
    methods: Sequence[str], data: Path, to: Sequence[Domain], inputs: int, progress: Callable[[str], None]
) -> dict[Domain, Material]:
    """Translate a pack's test pictures with every method.

    Args:
        methods: that ship, or folders of bundles.
        data: the pack, of lined-up faces.
        to: the directions that are wanted.
        inputs: pictures of each domain at most.
        progress: told what is under way.

    Raises:
        BundleError, PackError: as they are opened.
        StudyError: fewer than one method goes some way, or two have one name.
    """
    from anime2real.bundle.registry import resolve
    from anime2real.domain import other
    from anime2real.measure.compare import from_pack
    from anime2real.translator import Translator

    bundles = [bundle for name in methods for bundle in resolve(name)]
    material: dict[Domain, Material] = {}
    for domain in to:
        found = {bundle.method: bundle for bundle in bundles if bundle.target == domain}
        if len(found) != sum(bundle.target == domain for bundle in bundles):
            raise StudyError(f"two bundles to {domain} have one method's name: name each method once")
        if not found:
            raise StudyError(f"none of {', '.join(methods)} translates to {domain}: leave that direction out")
        sizes = {bundle.px for bundle in found.values()}
        side = max(sizes)
        subjects = from_pack(data, other(domain), inputs, sizes)
        results = {}
        for name, bundle in found.items():
            progress(f"{name} to {domain}")
            translate = Translator(bundle)
            pictures = [Image.fromarray(subject.squares[bundle.px]) for subject in subjects]
            done = translate.batch(pictures, crop="none")
            results[name] = np.stack([np.asarray(p.resize((side, side), Image.Resampling.LANCZOS)) for p in done])
        real = [subject.squares[side] for subject in from_pack(data, domain, inputs, {side})]
        material[domain] = Material(results, np.stack(real))
    return material
