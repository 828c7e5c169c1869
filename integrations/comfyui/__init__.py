"""What ComfyUI loads: the entry point of the nodes."""

from .nodes import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
