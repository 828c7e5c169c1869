"""Run a bundle's network on the CPU: squares in, squares out."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from numbers import Integral
from threading import Lock
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from anime2real.bundle.format import STYLE, Bundle, BundleError, core_bundle
from anime2real.bundle.limits import BATCH, IMAGE, LEAST_BATCH
from anime2real.bundle.redrawer import redrawer, system_of, version_of
from anime2real.domain import Domain, other
from anime2real.errors import UserError, first_line
from anime2real.face.finder import located
from anime2real.face.geometry import TEMPLATE, Points, tilt_of
from anime2real.face.irises import keep_irises
from anime2real.face.skin import keep_skin
from anime2real.face.who import Who
from anime2real.session import Pixels, available_cores, open_session, to_float, to_uint8

UNTOLD: Final = (0.0, 0.3)
"""Who is shown where nobody says: between the sexes, 30 years old."""


class TranslatorError(UserError):
    """A picture that a translator cannot take, or a network that gives no picture."""


class Network:
    """Runs a bundle's network, and that of what redraws its results, if any: `system` and `version` say which.

    `keeps_colours` says whether its results get their inputs' colours: it does, and was not told not to.

    Args:
        bundle: the bundle to run.
        threads: CPU threads for one call; if None, as many as this process may use.
        once: it will be run a few times at most: it is loaded in a fifth of the time, and runs a tenth slower.
        redraws: whether its results are redrawn by what it names in `redrawn_by`, if any: three times the work.
        keeps_colours: whether its results get their inputs' colours, if the bundle says so.

    Raises:
        BundleError: the model is damaged, or is not a translator of the bundle's size.
        TranslatorError: `threads` is no whole number from 1, or one of the others is not True or False.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int | None = None,
        once: bool = False,
        redraws: bool = True,
        keeps_colours: bool = True,
    ) -> None:
        if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
            raise TranslatorError(f"threads is a whole number from 1, not {threads!r}")
        said = {"once": once, "redraws": redraws, "keeps_colours": keeps_colours}
        for name, value in said.items():
            if not isinstance(value, bool):  # "no" would be taken for yes
                raise TranslatorError(f"{name} is True or False, not {value!r}")
        self.bundle = bundle
        self._arguments: dict[str, Any] = {"threads": threads, **said}
        self._threads = threads or available_cores()
        self._session = _session_of(bundle, self._threads, once)
        self._batch = min(bundle.batch, max(LEAST_BATCH, self._threads))
        back = redrawer(bundle) if redraws else None
        self._redrawer = Network(back, threads=threads, once=once, redraws=False, keeps_colours=False) if back else None
        self.keeps_colours = keeps_colours and bundle.keeps_colours
        self._output = self._session.get_outputs()[0].name
        self.system, self.version = system_of(bundle, redraws=redraws), version_of(bundle, back)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.bundle.name}, {self.bundle.px} px>"

    def __reduce__(self) -> tuple[Any, ...]:  # its bundle, which is loaded again: sessions cannot be copied
        return partial(type(self), **self._arguments), (self.bundle,)

    @property
    def px(self) -> int:
        """S, pixels a side of the network's pictures."""
        return self.bundle.px

    def translate(
        self,
        pixels: Pixels,
        landmarks: NDArray[np.float64] | None = None,
        variant: int | Sequence[int] = 0,
        who: NDArray[np.float64] | None = None,
    ) -> Pixels:
        """Translate squares of the network's own size, as many at a time as there are threads, fewer if they are large.

        Args:
            pixels: (N, S, S, 3), sRGB.
            landmarks: (N, 5, 2), of the faces in them, in shares of the side; upright faces are assumed if None. Only
                bundles with conditions use them.
            variant: 0 for the usual result; another number for another one, always the same for that number, of bundles
                with `variants`. One for all, or one for each.
            who: (N, 2), who should be shown (`who_input`), for bundles that take it; `UNTOLD` if None.

        Returns:
            (N, S, S, 3), sRGB.

        Raises:
            TranslatorError: an argument has another shape or type, or is not finite, the bundle has no variants,
                `variant` is not one number from 0 or one for each picture, or the network fails.
        """
        name, px, pixels = self.bundle.name, self.px, np.asarray(pixels)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (px, px, 3):
            raise TranslatorError(f"{name} takes (N, {px}, {px}, 3) uint8, not {pixels.shape} {pixels.dtype}")
        variants = _numbered(variant, len(pixels))
        if any(variants) and self.bundle.variants == 1:
            raise TranslatorError(f"{name} makes one result of a picture, no variants: give variant 0")
        landmarks = _numbers("landmarks", landmarks, TEMPLATE, (len(pixels), 5, 2))
        who = _numbers("who", who, UNTOLD, (len(pixels), 2))
        youngest, oldest = self.bundle.ages
        who = np.stack([who[:, 0], who[:, 1].clip(youngest / 100, oldest / 100)], 1)
        results = self._run(pixels, landmarks, variants, who)
        if self._redrawer is not None:
            results = self._run(self._redrawer.translate(results, landmarks, who=who), landmarks, variants, who)
        if not self.keeps_colours:
            return results
        return keep_colours(pixels, results, landmarks, self.bundle.target, threads=self._threads)

    def _run(
        self, pixels: Pixels, landmarks: NDArray[np.float64], variants: Sequence[int], who: NDArray[np.float64]
    ) -> Pixels:
        results, says = [pixels[:0]], f"{self.bundle.folder}: the network"
        for at in batches(len(pixels), self._batch):
            conditions = _conditions(self.bundle.conditions, landmarks[at], variants[at], who[at])
            try:
                result: Any = self._session.run([self._output], {IMAGE: to_float(pixels[at])} | conditions)[0]
            except Exception as error:  # ONNX Runtime raises kinds of its own without a public base
                raise TranslatorError(f"{says} fails: {first_line(error)}") from error
            if result.shape != (len(pixels[at]), 3, self.px, self.px):
                raise TranslatorError(f"{says} gives {result.shape} {result.dtype}, no pictures of its size")
            if not np.isfinite(result).all():
                raise TranslatorError(f"{says} gives numbers that are none (NaN or infinite)")
            results.append(to_uint8(result))
        return np.concatenate(results)


def keep_colours(
    inputs: Pixels, results: Pixels, landmarks: NDArray[np.float64], to: Domain, *, threads: int = 1
) -> Pixels:
    """The results with the colours of their inputs: to `real` those of the irises, to `anime` that of the skin.

    Where a colour is not found, or in a result no face, it stays as it is.

    Args:
        inputs: (N, S, S, 3), as the network saw them.
        results: (N, S, S, 3), what it made of them.
        landmarks: (N, 5, 2), of the faces in the inputs, in shares of the side.
        to: the results' domain.
        threads: results at a time.
    """
    keep = keep_irises if to == "real" else keep_skin

    def one(source: NDArray[np.uint8], points: Points, result: NDArray[np.uint8]) -> NDArray[np.uint8]:
        there = located(result, points)
        return result if there is None else keep(source, points, result, there)

    each = inputs, landmarks * inputs.shape[1], results
    if min(threads, len(results)) < 2:
        return np.array(list(map(one, *each)), np.uint8).reshape(results.shape)
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(one, *each)))


class Networks:
    """The bundles that a command may use and their networks, by the domain that they translate to.

    Args:
        method: an installed method; the best one of each direction if None.
        given: the only bundle there is, in place of a method.
        with_variants: whether the best one has to make several results of one picture.
        loading: threads and once, as of `Network`.
    """

    def __init__(
        self, method: str | None, given: Bundle | None = None, *, with_variants: bool = False, **loading: Any
    ) -> None:
        self._method, self._given, self._with_variants, self._loading = method, given, with_variants, loading
        self._known: dict[Domain, Bundle | UserError] = {}
        self._loaded, self._lock = dict[Domain, Network](), Lock()
        if given is not None:
            wrong_way = BundleError(f"{given.folder} translates to {given.target} alone")
            self._known = {given.target: given, other(given.target): wrong_way}

    def __reduce__(self) -> tuple[Any, ...]:  # as `Network`
        return partial(type(self), with_variants=self._with_variants, **self._loading), (self._method, self._given)

    def __call__(self, to: Domain) -> Network:
        """The network of a direction, loaded once; a UserError if there is none, or it is damaged."""
        with self._lock:
            if to not in self._loaded:
                self._loaded[to] = Network(self.bundle(to), **self._loading)
            return self._loaded[to]

    def bundle(self, to: Domain) -> Bundle:
        """The bundle of a direction, looked up once; a UserError if there is none, or it is damaged."""
        return self.bundles([to])[0]

    def bundles(self, domains: Sequence[Domain]) -> list[Bundle]:
        """Those to some domains, at least one; the UserError of the first domain if there is none."""
        known = [self._look_up(to) for to in domains]
        if found := [one for one in known if isinstance(one, Bundle)]:
            return found
        raise next(one for one in known if isinstance(one, UserError))

    def _look_up(self, to: Domain) -> Bundle | UserError:
        if to not in self._known:
            try:
                if self._with_variants or not (own := core_bundle(self._method, to)):
                    from anime2real.bundle.registry import find  # not above: the package's own are found without it

                    own = find(self._method, to, with_variants=self._with_variants)
                self._known[to] = own
            except UserError as error:
                self._known[to] = error
        return self._known[to]


_OPEN: Final[WeakValueDictionary[tuple[str, int, bool], onnxruntime.InferenceSession]] = WeakValueDictionary()
_OPENING: Final = Lock()


def _session_of(bundle: Bundle, threads: int, once: bool) -> onnxruntime.InferenceSession:
    """The session of a bundle's model, the same one for all networks that ask alike."""
    model, key = bundle.model_to_load(), (bundle.sha256, threads, once)
    with _OPENING:
        try:
            session = _OPEN.get(key) or open_session(model, threads, bounded=True, optimised=not once)
        except Exception as error:  # as above
            raise BundleError(f"{bundle.folder} cannot be loaded by ONNX Runtime: {first_line(error)}") from error
        return _OPEN.setdefault(key, session)


def batches(count: int, size: int = BATCH) -> Iterator[slice]:
    """Slices that cut `count` things into batches of `size`; the last one may be smaller."""
    return (slice(start, start + size) for start in range(0, count, size))


def style_of(variant: int) -> NDArray[np.float64]:
    """(`STYLE`,), the style of a variant's number: all 0 for variant 0, else drawn from N(0, 1) with that seed."""
    return np.random.default_rng(variant).standard_normal(STYLE) if variant else np.zeros(STYLE)


def who_input(
    who: Sequence[Who], seen: Sequence[tuple[float, float]], ages: tuple[float, float]
) -> NDArray[np.float64]:
    """What a network is told of whom to show.

    Args:
        who: who each face should become, K of them.
        seen: what each looks like, sex from -1 to 1 and age in years: it stands where `who` is silent.
        ages: the youngest and the oldest that the network can draw.

    Returns:
        (K, 2): sex from -1 (woman) to 1 (man), age / 100.
    """
    sexes = [s if w.sex is None else w.sex for w, (s, _) in zip(who, seen, strict=True)]
    years = [a if w.age is None else w.age for w, (_, a) in zip(who, seen, strict=True)]
    return np.stack([np.clip(sexes, -1, 1), np.clip(years, *ages) / 100], axis=1)


def _numbers(name: str, given: Any, usual: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """What a network is told, (N, …), or the usual of it for each picture."""
    values = np.broadcast_to(usual, shape) if given is None else np.asarray(given)
    if values.shape != shape or values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        raise TranslatorError(f"{name} are {shape} finite numbers, and nothing else")
    return values


def _numbered(variant: int | Sequence[int], count: int) -> list[int]:
    """The variant of each of `count` pictures."""
    each: list[Any] = list(variant) if isinstance(variant, Iterable) else [variant] * count
    if not all(isinstance(number, Integral) and not isinstance(number, bool) and int(number) >= 0 for number in each):
        raise TranslatorError(f"a variant is a whole number from 0, not {variant!r}")
    if len(each) != count:
        raise TranslatorError(f"{len(each)} variants are given for {count} pictures: one for all, or one for each")
    return each


def _conditions(
    names: Sequence[str], landmarks: NDArray[np.float64], variants: Sequence[int], who: NDArray[np.float64]
) -> dict[str, NDArray[np.float32]]:
    """What the network takes beside the pictures, by the names of its inputs."""
    values = {
        "landmarks": landmarks,
        "tilt": np.array([tilt_of(points) for points in landmarks]),
        "style": np.stack([style_of(variant) for variant in variants]),
        "who": who,
    }
    return {name: values[name].astype(np.float32) for name in names}
