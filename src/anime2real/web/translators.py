"""The networks as the server calls them: a single crop uses all threads, a batch is one crop a thread.

Two threads that share a crop wait for each other at every layer, and for other programs that take their cores in
between; threads with a crop each do not wait. Both ways give the same bytes.
"""

import contextlib
import ctypes
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from anime2real.bundle.format import Bundle
from anime2real.translator import Translator
from anime2real.web.batcher import Landmarks, Pixels, WhoAsked


class ParallelTranslator:
    """A translator that is loaded when it is first needed, and runs the crops of a batch in parallel.

    Args:
        bundle: to run.
        threads: CPU threads, at least 1.
        pool: runs the crops of a batch; it has as many threads.
        redraws: as of `Network`.
    """

    def __init__(self, bundle: Bundle, threads: int, pool: ThreadPoolExecutor, *, redraws: bool = True) -> None:
        self.bundle, self._redraws = bundle, redraws
        self._threads, self._pool = threads, pool
        self._loaded: dict[int, Translator] = {}
        self._loading = threading.Lock()

    def load(self) -> float:
        """Load what a single crop needs, and try it.

        Returns:
            Seconds that a crop takes.

        Raises:
            UserError: the bundle is damaged or the network fails.
        """
        translator = self._translator(self._threads)
        start = time.monotonic()
        translator.translate(np.zeros((1, self.bundle.px, self.bundle.px, 3), np.uint8))
        return time.monotonic() - start

    def __call__(
        self, pixels: Pixels, landmarks: Landmarks, variants: Sequence[int] = (), who: WhoAsked | None = None, /
    ) -> Pixels:
        """Translate a batch.

        Args:
            pixels: (N, S, S, 3).
            landmarks: (N, 5, 2), shares of the side.
            variants: N numbers; all 0 if not given.
            who: (N, 2), who should be shown, for bundles that take it.

        Returns:
            (N, S, S, 3).

        Raises:
            UserError: the bundle is damaged or the network fails.
        """
        variants = variants or [0] * len(pixels)
        if len(pixels) == 1:
            return self._translator(self._threads).translate(pixels, landmarks, variants, who)
        single = self._translator(1)
        # One crop a call: larger parts do not fit into the cache, a thread that is done could not take over another's
        # crops, and some networks (U-GAT-IT's linear layers) round otherwise in a batch.
        places = [slice(i, i + 1) for i in range(len(pixels))]

        def one(at: slice) -> Pixels:
            return single.translate(pixels[at], landmarks[at], variants[at], None if who is None else who[at])

        results = self._pool.map(one, places)
        return np.concatenate(list(results))

    def _translator(self, threads: int) -> Translator:
        with self._loading:
            if threads not in self._loaded:
                self._loaded[threads] = Translator(self.bundle, threads=threads, redraws=self._redraws)
                release_freed_memory()
            return self._loaded[threads]


def release_freed_memory() -> None:
    """Return to the system what was freed and glibc would keep: some 350 MB once CycleGAN is loaded."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
