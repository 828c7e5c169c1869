"""From a trained torch module to a bundle: export, halve, compare with torch (`comparison.py`), save.

The file holds every large weight in fp16 with a Cast behind it. ONNX Runtime folds the Cast when it loads the
file, so the file is half as large and the arithmetic stays fp32. Nothing is saved that does not draw the same
picture as the module: `export_bundle` runs both and refuses a visible difference.
"""

import copy
import hashlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from anime2real.bundle.format import Bundle
from anime2real.bundle.lineage import with_ancestors
from anime2real.bundle.save import model_card, save
from anime2real.domain import Domain
from anime2real.errors import first_line
from anime2real.train.export.comparison import (
    INPUT,
    LIMIT,
    OUTPUT,
    ExportError,
    ParityReport,
    Weights,
    difference_from_torch,
    sample_conditions,
)
from anime2real.train.export.rewrites import rewritten

OPSET: Final = 18
IR_VERSION: Final = 10  # what ONNX Runtime 1.20, the oldest that we support, reads

LARGE: Final = 4096
"""Numbers from which a tensor is stored in fp16: halving what is smaller (norms, biases) saves nothing."""


class _Translation(nn.Module):
    """Names the argument, whatever the module's own forward calls it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        translated: Tensor = self.network(image)
        return translated


class _ConditionedTranslation(_Translation):
    """The same, with one condition."""

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:  # type: ignore[override]
        translated: Tensor = self.network(image, condition)
        return translated


def to_onnx(module: nn.Module, px: int, *, weights: Weights = "fp16", conditions: Sequence[str] = ()) -> bytes:
    """The ONNX file of a translator, without paths, traces or times: the same module gives the same bytes.

    Args:
        module: `image -> image`, (N, 3, S, S) in [-1, 1] to the same; on any device, left as it is.
        px: S.
        weights: how tensors of at least `LARGE` numbers are stored.
        conditions: names of what it takes beside the picture: `tilt` (N,), `landmarks` (N, 5, 2), `style` (N, STYLE) or
            `who` (N, 2).

    Returns:
        A file with input `image` (and the conditions) and output `translated`, both (N, 3, S, S) float32 with any N.

    Raises:
        ExportError: the module does not run at this size, or torch cannot export it.
    """
    return _file(_exported(module, px, conditions), weights)


def export_checked(
    module: nn.Module, px: int, *, limit: float = LIMIT, conditions: Sequence[str] = (), classes: int = 0
) -> tuple[bytes, ParityReport]:
    """The file of a translator, compared with torch: fp16 weights, or fp32 where those would show.

    Args:
        module, px, conditions: as of `to_onnx`.
        limit: the largest difference that may stay, in [-1, 1].
        classes: of the label maps to compare by, if it takes such; 0 to compare by pictures.

    Raises:
        ExportError: the module cannot be exported, or draws another picture even with fp32 weights.
    """
    model = _exported(module, px, conditions)
    choices: tuple[Weights, ...] = ("fp16", "fp32")
    for weights in choices:
        file = _file(model, weights)
        report = ParityReport(difference_from_torch(module, file, px, conditions, classes), limit, weights, len(file))
        if report.holds:
            return file, report
    raise ExportError(
        f"the exported {type(module).__name__} differs from torch by {report.difference:.1e} in [-1, 1], "
        f"more than the {limit:.1e} allowed: nothing was saved"
    )


def export_bundle(
    module: nn.Module,
    folder: Path,
    *,
    method: str,
    source: Domain,
    target: Domain,
    px: int,
    crop: str = "centre",
    conditions: Sequence[str] = (),
    classes: int = 0,
    training: Mapping[str, Any] | None = None,
    rights: str = "",
    licence: str = "",
    hardware: str = "",
    figures: Mapping[str, Any] | None = None,
    back: Bundle | None = None,
    say: Callable[[str], object] = print,
) -> ParityReport:
    """Export a translator, compare it with torch, and write its bundle; one that is there is replaced.

    Args:
        module: `image -> image`, (N, 3, S, S) in [-1, 1] to the same; on any device, left as it is.
        folder: of the bundle.
        method, source, target, crop, conditions: as in `anime2real.bundle.format.Bundle`.
        px: S.
        classes: of the label maps that it takes for pictures; 0 if it takes pictures.
        training, rights, licence, hardware, figures: as in `anime2real.bundle.format.Bundle`.
        back: copied into the folder, as of `anime2real.bundle.save.save`.
        say: gets the line that says how near the file is.

    Returns:
        The comparison; its difference is among the bundle's figures too.

    Raises:
        ExportError: the module cannot be exported, or the file draws another picture.
        BundleError: `folder` holds something else.
    """
    file, report = export_checked(module, px, conditions=conditions, classes=classes)
    bundle = Bundle(
        method=method,
        source=source,
        target=target,
        px=px,
        sha256=hashlib.sha256(file).hexdigest(),
        crop=crop,
        conditions=tuple(conditions),
        licence=licence,
        rights=rights,
        training=with_ancestors(training or {}),
        figures={**(figures or {}), "difference_from_torch": float(f"{report.difference:.2g}")},
        hardware=hardware,
    )
    save(bundle, file, model_card(bundle), folder, back=back)
    say(f"{bundle.name}: {report}")
    return report


def small_onnx(module: nn.Module, shape: Sequence[int], outputs: Sequence[str], *, free: Sequence[int]) -> bytes:
    """The ONNX file of a helper network (faces, features), its large weights in fp16.

    Args:
        module: one tensor to one or several.
        shape: of an example of its input, which is called `image`; sizes above 1 where they are free.
        outputs: names of what it gives.
        free: dimensions of the input that may be of any size: 0 the batch, 2 the height, 3 the width.

    Raises:
        ExportError: torch cannot export it.
    """
    dimensions = {axis: torch.export.Dim.DYNAMIC if axis else torch.export.Dim("N") for axis in free}
    return _file(_model(module, (torch.zeros(*shape),), [INPUT], outputs, (dimensions,)), "fp16")


def _exported(module: nn.Module, px: int, conditions: Sequence[str] = ()) -> Any:
    """The onnx.ModelProto of a module, its weights in fp32."""
    # Two pictures: torch.export takes a size of one for a constant.
    samples = list(sample_conditions(conditions, 2, 0).values())
    try:
        network = rewritten(module, torch.zeros(1, 3, px, px), *(value[:1] for value in samples))
    except RuntimeError as error:
        raise ExportError(f"the network does not take pictures of {px} px: {first_line(error)}") from error
    network = (_ConditionedTranslation if samples else _Translation)(network).eval()
    batch = {0: torch.export.Dim("N")}
    sizes = tuple(batch for _ in (INPUT, *samples))
    return _model(
        network, (torch.zeros(2, 3, px, px), *samples), [INPUT, *conditions], [OUTPUT], sizes, type(module).__name__
    )


def _model(
    network: nn.Module,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    sizes: tuple[dict[int, Any], ...],
    name: str = "",
) -> Any:
    """The onnx.ModelProto of a network as torch exports it, stripped.

    Args:
        network: to export.
        example: its arguments.
        inputs, outputs: what they and its results are called.
        sizes: for each argument, its dimensions that may be of any size.
        name: what to call the network if it cannot be exported.
    """
    name = name or type(network).__name__
    try:
        with _quiet():
            program = torch.onnx.export(
                network,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=sizes,
                optimize=True,
                verbose=False,
            )
    except Exception as error:  # torch raises many kinds here, none of them documented
        reason = first_line(error.__cause__ or error)  # torch's own first line says which of its steps failed
        raise ExportError(f"torch cannot export {name} to ONNX: {reason}") from error
    if program is None:
        raise ExportError(f"torch exported nothing for {name}")
    model = program.model_proto
    model.ir_version = min(model.ir_version, IR_VERSION)
    _strip(model)
    return model


def _file(model: Any, weights: Weights) -> bytes:
    """The bytes of a model, its large weights stored as asked."""
    if weights == "fp16":
        model = copy.deepcopy(model)
        _halve(model)
    onnx.checker.check_model(model)
    file: bytes = model.SerializeToString(deterministic=True)
    return file


def _strip(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes about this machine: stack traces, module paths, documentation."""
    model.producer_version = ""
    del model.metadata_props[:]
    model.doc_string = ""
    for graph in (model.graph, *model.functions):
        graph.doc_string = ""
        del graph.metadata_props[:]
        for item in (*graph.node, *graph.value_info):
            item.doc_string = ""
            del item.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.doc_string = ""
        del value.metadata_props[:]


def _halve(model: onnx.ModelProto) -> None:
    """Store the large fp32 weights as fp16, each with a Cast back."""
    greatest = float(np.finfo(np.float16).max)
    casts = []
    for initializer in model.graph.initializer:
        if initializer.data_type != onnx.TensorProto.FLOAT or int(np.prod(initializer.dims)) < LARGE:
            continue
        values = onnx.numpy_helper.to_array(initializer)
        if not np.abs(values).max() <= greatest:  # also for NaN, which the comparison with torch then reports
            continue
        name = initializer.name
        stored = f"{name}.fp16"
        initializer.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's notes about packages that we do not use."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
