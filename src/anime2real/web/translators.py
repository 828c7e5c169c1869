"""The shipped translators as the server calls them: one crop over all threads, a batch shared out among them.

Two threads on one crop wait for each other at every layer, and for whoever takes their core in between. On a crop each
they need not. The bytes are the same either way.
"""

import contextlib
import ctypes
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from anime2real.bundle.format import Bundle
from anime2real.translator import Translator
from anime2real.web.batcher import Landmarks, Pixels


class SplitTranslator:
    """A translator that is loaded when it is first needed.

    Args:
        bundle: to run.
        threads: CPU threads, at least 1.
        pool: where the crops of a batch run; as many threads.
    """

    def __init__(self, bundle: Bundle, threads: int, pool: ThreadPoolExecutor) -> None:
        self.bundle = bundle
        self._threads, self._pool = threads, pool
        self._loaded: dict[int, Translator] = {}
        self._loading = threading.Lock()

    def load(self) -> None:
        """Load what a crop alone needs.

        Raises:
            BundleError: the bundle is damaged.
        """
        self._translator(self._threads)

    def __call__(self, pixels: Pixels, landmarks: Landmarks, variants: Sequence[int] = (), /) -> Pixels:
        """(N, S, S, 3), (N, 5, 2) and N numbers, all 0 if not given, to (N, S, S, 3).

        Raises:
            UserError: the bundle is damaged or the network fails.
        """
        variants = variants or [0] * len(pixels)
        if len(pixels) == 1:
            return self._translator(self._threads).translate(pixels, landmarks, variants)
        single = self._translator(1)
        # One by one: larger parts leave the cache, a thread that is done has none of the other's to take over, and some
        # networks (U-GAT-IT's linear layers) round otherwise in company.
        places = [slice(i, i + 1) for i in range(len(pixels))]
        parts = self._pool.map(lambda at: single.translate(pixels[at], landmarks[at], variants[at]), places)
        return np.concatenate(list(parts))

    def _translator(self, threads: int) -> Translator:
        with self._loading:
            if threads not in self._loaded:
                self._loaded[threads] = Translator(self.bundle, threads=threads)
                _trim()
            return self._loaded[threads]


def _trim() -> None:
    """Give the system back what loading has freed: some 350 MB for CycleGAN, which glibc would keep."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
