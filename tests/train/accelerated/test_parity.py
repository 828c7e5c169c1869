"""The preflight lets right steps pass and stops wrong ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toys import SIZE, TINY, Toy

from anime2real.data.pack import Pack
from anime2real.train.accelerated.parity import Parity, loss_distance, preflight
from anime2real.train.methods.cyclegan import CycleGAN
from anime2real.train.sampler import Sampler
from anime2real.train.step import Speed


def check(pack_folder: Path, speed: Speed) -> Parity:
    torch.manual_seed(0)
    pack = Pack(pack_folder)
    method = CycleGAN(TINY["cyclegan"], SIZE)
    method.make_optimizers(2e-4)
    method.start_average()
    before = {key: value.clone() for key, value in method.state_dict().items()}
    sampler = Sampler(pack.rows("anime", "train"), pack.rows("real", "train"), 2, seed=0)
    parity = preflight(method, torch.from_numpy(np.array(pack.images)), sampler.draw(0), speed)
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())
    return parity


def test_another_memory_layout_holds_and_mixed_precision_only_rounds(toy: Toy) -> None:
    assert check(toy.pack, Speed(channels_last=True)).holds
    mixed = check(toy.pack, Speed(bf16=True, channels_last=True))
    assert mixed.holds
    assert 1e-4 < mixed.rounding < 0.6


def test_a_form_that_is_wrong_is_caught(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def miscompute(method: CycleGAN) -> None:
        for generator in (method.to_real, method.to_anime):
            right = generator.network.blocks.forward
            vars(generator.network.blocks)["forward"] = lambda x, code=None, right=right: right(x, code).lerp(x, 0.2)

    monkeypatch.setattr(CycleGAN, "accelerate", miscompute)
    assert not check(toy.pack, Speed(fused=True)).holds


def test_a_kernel_that_does_not_compile_is_told_and_does_not_hold(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: Exception) -> None:
        def accelerate(method: CycleGAN) -> None:
            raise error

        monkeypatch.setattr(CycleGAN, "accelerate", accelerate)

    fail(SyntaxError("at 7:4: no such intrinsic\nmore"))
    parity = check(toy.pack, Speed(fused=True))
    assert not parity.holds
    assert str(parity) == "the fast step failed: SyntaxError: at 7:4: no such intrinsic"
    assert str(Parity(0.1, 0.12, 0.01)).startswith("gradients differ from fp32 by 0.1200, by rounding alone 0.1000")
    fail(torch.OutOfMemoryError("too much"))
    with pytest.raises(torch.OutOfMemoryError):
        check(toy.pack, Speed(fused=True))
    monkeypatch.setattr("anime2real.train.accelerated.parity.world_size", lambda: 2)
    fail(SyntaxError("the other process would wait"))
    with pytest.raises(SyntaxError):
        check(toy.pack, Speed(fused=True))


def test_no_number_never_holds() -> None:
    assert not Parity(0.1, float("nan"), 0.0).holds
    assert not Parity(float("nan"), 0.1, 0.0).holds
    assert Parity(0.1, 0.12, 0.01).holds


def test_a_loss_that_cancels_out_is_compared_with_what_rounding_does_to_it() -> None:
    reference, rounded = {"adversarial": 0.02, "cycle": 0.5}, {"adversarial": 0.03, "cycle": 0.501}
    lucky = loss_distance(reference, rounded, {"adversarial": 0.008, "cycle": 0.5}, rounding=0.07)
    assert lucky == pytest.approx(0.012 * 0.07 / 0.01)
    assert Parity(0.07, 0.07, lucky).holds
    wrong = loss_distance(reference, rounded, {"adversarial": 0.02, "cycle": 0.6}, rounding=0.07)
    assert wrong == pytest.approx(0.2)
    assert not Parity(0.07, 0.07, wrong).holds
    lost = loss_distance(reference, rounded, {"adversarial": 0.02, "cycle": float("nan")}, rounding=0.07)
    assert not Parity(0.07, 0.07, lost).holds
    infinite = {"adversarial": 0.03, "cycle": float("inf")}
    assert not Parity(0.07, 0.07, loss_distance(reference, infinite, {"adversarial": 0.02, "cycle": 9.0}, 0.07)).holds
