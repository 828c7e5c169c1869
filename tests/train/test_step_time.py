"""The benchmark of whole steps, `benchmarks/step_time.py`."""

import json
from pathlib import Path

import pytest
import step_time
import torch


def test_kernels_are_told_by_kind() -> None:
    kinds = {
        "sm90_xmma_fprop_implicit_gemm_bf16bf16": "convolutions and matrix products",
        "void cudnn::cnn::conv2d_grouped_direct_kernel<false>": "depthwise convolutions",
        "filtered": "depthwise convolutions",
        "layer_affine": "norms and what surrounds them",
        "backward": "norms and what surrounds them",
        "void at::native::vectorized_elementwise_kernel<4, CUDAFunctor_add>": "other elementwise",
        "void at::native::multi_tensor_apply_kernel<FusedAdam>": "optimizers and averages",
        "void at::native::max_pool_forward_nhwc": "pooling and resampling",
        "void at::native::reduce_kernel<512, 1, MeanOps>": "reductions",
        "Memcpy DtoD (Device -> Device)": "copies and fills",
        "ncclDevKernel_AllReduce": "messages to other GPUs",
        "something": "others",
    }
    assert {name: step_time.kind_of(name) for name in kinds} == kinds


def test_a_profile_is_a_small_text(tmp_path: Path) -> None:
    weight = torch.ones(64, 64)
    found = step_time.profiled(lambda: weight @ weight, torch.device("cpu"), replays=1)
    step_time.written(found, "a product", tmp_path / "new" / "product.txt")
    text = (tmp_path / "new" / "product.txt").read_text()
    assert text.startswith("a product\n")
    assert "aten::mm" in text


@pytest.mark.parametrize("preset", ["shipped-2026-11", "people", "student"])
def test_options_are_decided_as_a_pack_that_knows_everything_decides_them(preset: str) -> None:
    _, config = step_time.options(preset, 4, toy=True)
    assert config.batch_size == 4
    assert None not in vars(config).values()


def test_a_case_that_fails_leaves_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    step_time.main(["--toy", "--cases", "unknown:2", "people:2", "--deadline", "-1"])
    _, first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["not_measured"], second["not_measured"]) == ("unknown:2", "people:2")
    step_time.main(["--toy", "--cases", "unknown:2"])
    assert "no preset 'unknown'" in json.loads(capsys.readouterr().out.splitlines()[-1])["failed"]


@pytest.mark.slow
def test_a_step_of_a_preset_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    step_time.main(["--toy", "--seconds", "0", "--cases", "shipped-2026-11:2"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["pairs_per_second"] > 0
    assert {"hair", "worst_patch"} <= told["losses"].keys()
