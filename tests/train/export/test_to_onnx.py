"""A translator's file draws the module's pictures, is half as large, and tells nothing of the machine."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from anime2real.bundle.save import load
from anime2real.train.accelerated import accelerate
from anime2real.train.export.comparison import LIMIT, ExportError, difference_from_torch, sample_pictures
from anime2real.train.export.to_onnx import LARGE, export_bundle, export_checked, to_onnx
from anime2real.train.methods.difference import Addition
from anime2real.train.networks.autoencoder import ConvolutionalAutoencoder
from anime2real.train.networks.resnet import ResNetGenerator
from anime2real.translator import Translator

PX = 40  # a trunk of 10: no whole number of tiles
TILED_PX = 32


def resnet() -> nn.Module:
    torch.manual_seed(0)
    return ResNetGenerator(width=16, blocks=1)


def autoencoder() -> nn.Module:
    torch.manual_seed(0)
    return ConvolutionalAutoencoder(width=16)


def addition() -> nn.Module:
    return Addition(torch.linspace(-1, 1, 3 * 64 * 64).view(3, 64, 64))


TRANSLATORS: list[tuple[Callable[[], nn.Module], int]] = [
    (resnet, TILED_PX),
    (resnet, PX),
    (autoencoder, 32),
    (addition, 64),
]


class Large(nn.Module):
    """Quick to export, its weights large enough to be halved."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner = nn.Conv2d(3, 64, 7, padding=3)
        self.outer = nn.Conv2d(64, 3, 7, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        return torch.tanh(self.outer(torch.relu(self.inner(image))))


class Broken(nn.Module):
    """Not a number, everywhere."""

    def forward(self, image: Tensor) -> Tensor:
        return image * float("nan")


@pytest.fixture(scope="module")
def file() -> bytes:
    return to_onnx(resnet(), TILED_PX)


@pytest.mark.parametrize(("make", "px"), TRANSLATORS)
def test_parity(make: Callable[[], nn.Module], px: int) -> None:
    """The difference is measured here again, on other pictures and batches than the export's own."""
    module = make().eval()
    content, report = export_checked(module, px)
    assert report.weights == "fp16"
    assert report.size_bytes == len(content)
    session = onnxruntime.InferenceSession(content)
    for count in (1, 2, 5):
        pictures = sample_pictures(count, px, seed=100 + count)
        with torch.inference_mode():
            expected = module(pictures).numpy()
        (translated,) = session.run(None, {"image": pictures.numpy()})
        assert translated.dtype == np.float32
        assert np.abs(translated - expected).max() <= LIMIT


@pytest.fixture(scope="module")
def full() -> bytes:
    return to_onnx(resnet(), TILED_PX, weights="fp32")


def test_fp32_weights_leave_rounding_only(full: bytes) -> None:
    assert difference_from_torch(resnet(), full, TILED_PX) < 1e-4


def test_signature(file: bytes) -> None:
    graph = onnx.load_from_string(file).graph
    assert [value.name for value in graph.input] == ["image"]
    assert len(graph.output) == 1
    batch, *rest = graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param
    assert [side.dim_value for side in rest] == [3, TILED_PX, TILED_PX]


def test_weights_are_stored_in_half_and_computed_in_full(file: bytes, full: bytes, tmp_path: Path) -> None:
    large = sum(p.numel() for p in resnet().parameters() if p.numel() >= LARGE)
    assert 2 * large <= len(full) - len(file) <= 2.4 * large  # torch derives the smallest kernels itself
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    onnxruntime.InferenceSession(file, options)
    optimised = onnx.load(tmp_path / "optimised.onnx").graph
    assert "Cast" not in {node.op_type for node in optimised.node}
    assert onnx.TensorProto.FLOAT16 not in {tensor.data_type for tensor in optimised.initializer}
    # The kernels' transforms are folded too: two residual convolutions of 36 matrices, two resizes.
    folded = [list(tensor.dims) for tensor in optimised.initializer]
    assert folded.count([36, 64, 64]) == 2
    assert folded.count([4 * 64, 4 * 32]) == folded.count([4 * 32, 4 * 16]) == 1


def test_no_path_of_this_machine(file: bytes) -> None:
    assert os.getcwd().encode() not in file
    assert os.path.dirname(torch.__file__).encode() not in file


def test_module_is_left_as_it_was_and_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    module = Large().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    export_checked(module, TILED_PX)
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert capfd.readouterr() == ("", "")


def test_same_weights_same_bytes_accelerated_or_not(file: bytes) -> None:
    pytest.importorskip("triton")
    module = resnet()
    accelerate(module)
    assert to_onnx(module, TILED_PX) == file


def test_falls_back_to_fp32_where_fp16_would_show() -> None:
    content, report = export_checked(Large(), TILED_PX, limit=1e-5)
    assert report.weights == "fp32"
    assert report.holds
    assert len(content) > 4 * sum(p.numel() for p in Large().parameters())
    assert export_checked(Large(), TILED_PX)[1].weights == "fp16"


def test_weights_beyond_fp16_stay_whole() -> None:
    module = Addition(torch.full((3, 64, 64), 1e6))
    assert difference_from_torch(module, to_onnx(module, 64), 64) == 0


@pytest.mark.parametrize(("module", "limit"), [(Large(), 0.0), (Broken(), LIMIT)])
def test_refuses_another_picture(module: nn.Module, limit: float) -> None:
    with pytest.raises(ExportError, match=r"differs from torch by .* nothing was saved"):
        export_checked(module, TILED_PX, limit=limit)


def test_refuses_a_size_that_the_network_does_not_take() -> None:
    with pytest.raises(ExportError, match=r"does not take pictures of 32 px: .+"):
        to_onnx(addition(), 32)


def test_bundle_is_whole(tmp_path: Path) -> None:
    module = Large().eval()
    lines: list[str] = []
    report = export_bundle(
        module,
        tmp_path / "bundle",
        method="cyclegan",
        source="anime",
        target="real",
        px=TILED_PX,
        training={"minutes": 3},
        rights="drawn here",
        say=lines.append,
    )
    assert lines == [f"cyclegan-anime-to-real: {report}"]
    bundle = load(tmp_path / "bundle")
    assert (bundle.method, bundle.source, bundle.target, bundle.px) == ("cyclegan", "anime", "real", TILED_PX)
    assert bundle.training == {"minutes": 3}
    assert bundle.figures["difference_from_torch"] == pytest.approx(report.difference, rel=0.1)
    assert "drawn here" in (tmp_path / "bundle" / "README.md").read_text()
    crops = np.random.default_rng(0).integers(0, 256, (2, TILED_PX, TILED_PX, 3), dtype=np.uint8)
    with torch.inference_mode():
        pictures = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1
        levels = ((module(pictures) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    translated = Translator.open(tmp_path / "bundle").translate(crops)
    assert np.abs(translated - levels).max() <= 2.5  # two levels, and rounding to whole ones


def test_nothing_is_left_where_the_export_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError):
        export_bundle(Broken(), tmp_path / "bundle", method="broken", source="anime", target="real", px=TILED_PX)
    assert list(tmp_path.iterdir()) == []
