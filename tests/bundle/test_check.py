"""What a bundle's model may be: all that ships and is exported, and nothing that loops, grows, crashes or misleads."""

import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable

import hostile
import numpy as np
import pytest
import tiny

from anime2real.bundle.check import check_translator
from anime2real.bundle.format import Bundle
from anime2real.bundle.limits import BATCH
from anime2real.bundle.protobuf import OnnxFileError
from anime2real.bundle.registry import shipped
from anime2real.session import open_session

WHOLE = [
    (tiny.model(half=True), ()), (tiny.styled_model(), ("style",)), (tiny.who_model(), ("who",)),
]  # fmt: skip


def test_all_that_ships_is_let_through() -> None:
    for bundle in shipped():
        check_translator((bundle.folder / "model.onnx").read_bytes(), bundle.px, bundle.conditions)


@pytest.mark.parametrize(("make", "words"), hostile.KINDS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_hostile_model_is_refused_in_one_line_at_once(make: Callable[[], bytes], words: str) -> None:
    content = make()
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(OnnxFileError) as refused:
        check_translator(content, hostile.PX, ())
    seconds, (_, most) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert re.search(words, str(refused.value)), str(refused.value)
    assert "\n" not in str(refused.value)
    assert seconds < 5
    assert most < 100 * 2**20


def test_large_pictures_go_through_fewer_at_a_time() -> None:
    assert [Bundle("mine", "anime", "real", px).batch for px in (16, 256, 512, 1024, 2048)] == [BATCH, BATCH, 2, 1, 1]


def attacked(content: bytes, random: np.random.Generator) -> bytes:
    """A file with some of its bytes changed, removed, doubled, or replaced by those of other places."""
    damaged = bytearray(content)
    for _ in range(random.integers(1, 4)):
        at, length = random.integers(len(damaged)), int(random.integers(1, 12))
        match random.integers(4):
            case 0:
                damaged[at] = int(random.integers(256))
            case 1:
                del damaged[at : at + length]
            case 2:
                damaged[at:at] = damaged[at : at + length]
            case _:
                other = random.integers(len(damaged))
                damaged[at : at + length] = damaged[other : other + length]
        damaged = damaged or bytearray(b"\0")
    return bytes(damaged)


def outcome(damaged: bytes, conditions: tuple[str, ...]) -> str:
    """What becomes of a damaged model: `refused` before ONNX Runtime, `not loaded` by it, or `run`."""
    try:
        check_translator(damaged, tiny.PX, conditions)
    except OnnxFileError as error:
        return "refused" if "\n" not in str(error) else str(error)
    try:
        session = open_session(damaged, 1, bounded=True)
    except Exception as error:  # ONNX Runtime's own kinds, without a public base
        return "not loaded" if "onnxruntime" in type(error).__module__ else repr(error)
    shapes = {"image": (3, tiny.PX, tiny.PX), "style": (8,), "who": (2,)}
    for count in (1, 3):
        session.run(None, {name: np.zeros((count, *shapes[name]), np.float32) for name in ("image", *conditions)})
    return "run"


def fuzz(cases: int, seed: int) -> Counter[str]:
    """How often what became of models, attacked at random."""
    random = np.random.default_rng(seed)
    tried = (WHOLE[case % len(WHOLE)] for case in range(cases))
    return Counter(outcome(attacked(content, random), conditions) for content, conditions in tried)


ENDS = {"refused", "not loaded", "run"}


def test_damaged_models_are_refused_or_run() -> None:
    assert set(fuzz(400, seed=0)) <= ENDS


def test_a_file_cut_anywhere_is_refused() -> None:
    content, conditions = WHOLE[0]
    for length in range(len(content)):
        with pytest.raises(OnnxFileError):
            check_translator(content[:length], tiny.PX, conditions)
