"""The node for ComfyUI, written to its V3 interface (`comfy_api`, v0_0_2)."""

from typing import Final

import numpy as np
import torch
from comfy_api.latest import ComfyExtension, io
from PIL import Image

from anime2real import NoFaceError, shipped, translate_picture

BEST: Final = "best"
AUTO: Final = "auto"
LAST_VARIANT: Final = 15
"""Bundles that make several results of a picture offer 16."""


class Anime2RealTranslate(io.ComfyNode):
    """Translates drawn faces to people, and people to drawings, on the CPU."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """The node's name, inputs and outputs."""
        methods = sorted({bundle.method for bundle in shipped() if not bundle.classes})
        return io.Schema(
            node_id="Anime2RealTranslate",
            display_name="Anime2Real Translate",
            category="image/anime2real",
            description="Turns a drawn face into an invented person, or a photographed one into a drawing.",
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("method", options=[BEST, *methods], default=BEST),
                io.Combo.Input(
                    "direction",
                    options=[AUTO, "real", "anime"],
                    default=AUTO,
                    tooltip="auto: a drawing becomes a person and a person a drawing, by each picture's largest face",
                ),
                io.Combo.Input(
                    "layout",
                    options=["face", "pair", "paste"],
                    default="face",
                    tooltip="the largest face; beside the crop that went in; or all faces pasted back into the picture",
                ),
                io.Combo.Input(
                    "crop",
                    options=["face", "none"],
                    default="face",
                    tooltip="find the faces; or take the centre square for one",
                ),
                io.String.Input(
                    "bundle",
                    default="",
                    optional=True,
                    tooltip="a bundle's folder, or its name on the Hub (hf://OWNER/NAME), in place of a method",
                ),
                io.Int.Input(
                    "variant",
                    default=0,
                    min=0,
                    max=LAST_VARIANT,
                    optional=True,
                    tooltip="0: the usual person; others are somebody else, by a method that makes several",
                ),
                io.String.Input(
                    "who",
                    default="auto",
                    optional=True,
                    tooltip="man or woman, an age from 18 to 80, or both, as 'man, 25'; auto: as the picture has it",
                ),
            ],
            outputs=[io.Image.Output(display_name="image")],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        method: str,
        direction: str,
        layout: str,
        crop: str,
        bundle: str = "",
        variant: int = 0,
        who: str = "auto",
    ) -> io.NodeOutput:
        """Translate a batch (B, H, W, C) in [0, 1], picture by picture, to (B, H', W', 3) in [0, 1] on the CPU."""
        levels = image.detach().cpu().float()
        if not levels.numel():
            raise ValueError(f"there are no pixels in a batch of {tuple(levels.shape)}: connect pictures")
        if levels.isnan().any():
            raise ValueError(
                "pixels are no numbers (NaN), as a VAE in half precision makes them: start with --fp32-vae"
            )
        pictures = (levels.clamp(0, 1) * 255).round().byte().numpy()
        results = []
        for number, pixels in enumerate(pictures, 1):
            try:
                picture = translate_picture(
                    pixels,
                    to=None if direction == AUTO else direction,
                    method=None if method == BEST else method,
                    bundle=bundle.strip() or None,
                    layout=layout,
                    crop=crop,
                    variant=variant,
                    who=who,
                ).image
            except NoFaceError as error:
                if layout != "paste":  # where a clip's frame passes as it is, so that its frames stay in step
                    raise NoFaceError(f"picture {number} of {len(pictures)}") from error
                picture = Image.fromarray(pixels).convert("RGB")
            results.append(np.asarray(picture, np.float32) / 255)
        if len({result.shape for result in results}) > 1:
            raise ValueError("the pictures' results differ in size, so they make no batch: choose one direction")
        return io.NodeOutput(torch.from_numpy(np.stack(results)))


class Anime2RealExtension(ComfyExtension):
    """ComfyUI asks this for the nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """The one node of this folder."""
        return [Anime2RealTranslate]


async def comfy_entrypoint() -> ComfyExtension:
    """ComfyUI calls this when it starts."""
    return Anime2RealExtension()
