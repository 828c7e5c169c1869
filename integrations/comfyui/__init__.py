"""ComfyUI loads this: the entry point of the node."""

from .nodes import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
