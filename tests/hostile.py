"""Small ONNX files that loop, grow, crash or mislead, each a kind of its own."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import onnx
import tiny
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PX: Final = tiny.PX


def file(
    nodes: Sequence[onnx.NodeProto], output: str = "y", opset: int = 18, **weights: NDArray[Any]
) -> onnx.ModelProto:
    """From `image` to an output, both (N, 3, S, S)."""
    image, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3, PX, PX]) for name in ("image", output)
    )
    held = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(list(nodes), "g", [image], [made], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def integers(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


ZERO: Final = np.zeros(1, np.float32)


def division() -> bytes:
    """-2⁶³ / -1, which stops the process when ONNX Runtime folds it."""
    nodes = [node("Div", "low one", "d"), node("Reshape", "image d", "y")]
    return file(nodes, low=integers(-(2**63)), one=integers(-1)).SerializeToString()


def functions() -> bytes:
    """Thirty functions, each of which calls the next one twice."""
    made = file([node("f0", "image", "y")])
    made.graph.node[0].domain = "ours"
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ours", 1)]
    for level in range(30):
        calls = [helper.make_node(f"f{level + 1}", [a], [b], domain="ours") for a, b in (("x", "m"), ("m", "y"))]
        made.functions.append(helper.make_function("ours", f"f{level}", ["x"], ["y"], calls, opsets))
    made.opset_import.append(opsets[1])
    return made.SerializeToString()


def loop() -> bytes:
    body = helper.make_graph([node("Identity", "go", "out")], "body", [], [])
    return file([helper.make_node("Loop", ["", ""], ["y"], body=body)]).SerializeToString()


def expansion() -> bytes:
    """A number stretched to 4 GB."""
    nodes = [node("Expand", "zero large", "e"), node("ReduceMean", "e axes", "m"), node("Add", "image m", "y")]
    return file(nodes, zero=ZERO, large=integers(1, 2**15, 2**15, 1), axes=integers(0, 1, 2, 3)).SerializeToString()


def doubling() -> bytes:
    """Twenty joinings of a tensor with itself."""
    nodes = [node("Concat", f"{'image' if not i else f'c{i}'} " * 2, f"c{i + 1}", axis=1) for i in range(20)]
    nodes += [node("ReduceMean", "c20 axes", "m"), node("Add", "image m", "y")]
    return file(nodes, axes=integers(1, 2, 3)).SerializeToString()


def shrinking_batch() -> bytes:
    """(8,) to (N, 8 / N): small for the largest batch, and an outer product for one picture."""
    nodes = [
        node("Shape", "image", "shape"), node("Gather", "shape first", "n", axis=0),
        node("Concat", "n rest", "wanted", axis=0), node("Reshape", "eight wanted", "a"),
        node("Add", "a column", "b"), node("ReduceMean", "b axes", "m"), node("Add", "image m", "y"),
    ]  # fmt: skip
    eight = np.zeros(8, np.float32)
    return file(
        nodes, first=integers(0), rest=integers(-1), eight=eight, column=eight[:, None], axes=integers(0, 1)
    ).SerializeToString()  # fmt: skip


def memory() -> bytes:
    """Many tensors of 50 MB, all held until the end."""
    nodes = [node("Expand", "image large", f"e{i}") for i in range(64)]
    nodes += [node("Add", f"{'e0' if not i else f's{i}'} e{i + 1}", f"s{i + 1}") for i in range(63)]
    nodes += [node("ReduceMean", "s63 axes", "m", keepdims=0), node("Add", "image m", "y")]
    return file(nodes, large=integers(2048, 1, 3, PX, PX), axes=integers(0)).SerializeToString()


def work() -> bytes:
    """Products of large matrices, thousands of them."""
    nodes = [node("MatMul", f"{'w' if not i else f'p{i}'} w", f"p{i + 1}") for i in range(4000)]
    nodes += [node("ReduceMean", "p4000 axes", "m"), node("Add", "image m", "y")]
    return file(nodes, w=np.zeros((600, 600), np.float32), axes=integers(0, 1)).SerializeToString()


def many_nodes() -> bytes:
    nodes = [node("Relu", "image" if not i else f"r{i}", f"r{i + 1}") for i in range(5000)]
    return file([*nodes, node("Relu", "r5000", "y")]).SerializeToString()


def two_graphs() -> bytes:
    """Two graphs, which protobuf merges to one: what a reader of the last one sees is not what runs."""
    hidden = file([node("MaxPool", "image", "z", kernel_shape=[1, 1])])
    return hidden.SerializeToString() + file([node("Relu", "image", "y")]).SerializeToString()


def attribute() -> bytes:
    return file(
        [node("Conv", "image w", "y", auto_pad="SAME_UPPER")], w=np.zeros((3, 3, 1, 1), np.float32)
    ).SerializeToString()


def domain() -> bytes:
    made = file([node("Relu", "image", "y")])
    made.graph.node[0].domain = "com.microsoft"
    return made.SerializeToString()


def other_opset() -> bytes:
    return file([node("Relu", "image", "y")], opset=20).SerializeToString()


def untrue_shape() -> bytes:
    """An intermediate tensor that is said to be smaller than it is."""
    made = file([node("Relu", "image", "r"), node("Relu", "r", "y")])
    made.graph.value_info.append(helper.make_tensor_value_info("r", TensorProto.FLOAT, ["N", 3, 1, 1]))
    return made.SerializeToString()


def short_weights() -> bytes:
    made = file([node("Add", "image w", "y")], w=np.zeros((1, 3, PX, PX), np.float32))
    made.graph.initializer[0].raw_data = b"1234"
    return made.SerializeToString()


def cycle() -> bytes:
    return file([node("Add", "image y", "x"), node("Relu", "x", "y")]).SerializeToString()


def two_lines() -> bytes:
    """A name that would break the line of a message."""
    made = file([node("Relu", "image", "y")])
    made.graph.input[0].name = "image\nerror: all is lost"
    return made.SerializeToString()


KINDS: Final[dict[Callable[[], bytes], str]] = {
    division: "Div", functions: "functions", loop: "graphs in its graph", expansion: "MB of memory|its weights take",
    doubling: "too large|MB of memory", shrinking_batch: "do not fit", memory: "MB of memory", work: "multiplications",
    many_nodes: "5001 nodes", two_graphs: "two of", attribute: "auto_pad", domain: "not one of ONNX's own",
    other_opset: "version 20", untrue_shape: "another shape", short_weights: "numbers that its shape says",
    cycle: "before it is there", two_lines: "name is damaged",
}  # fmt: skip
"""What makes each, and what its refusal says."""
