"""A Hugging Face Space: a page that translates one picture, on the Space's CPU."""

import tempfile
import time
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

import gradio as gr

from anime2real import Limits, UserError, decode, shipped, translate_picture, write

HERE: Final = Path(__file__).parent
EXAMPLES: Final = next(
    folder for folder in (HERE / "examples", HERE.parent.parent / "examples") if (folder / "aoi.png").is_file()
)
"""Beside this file on the Hub; at the top of the repository elsewhere."""

MAX_AGE_SECONDS: Final = 600
MAX_BYTES: Final = 16 * 2**20
MAX_PIXELS: Final = 26_000_000
BEST: Final = "best"
DIRECTIONS: Final[dict[str, Literal["anime", "real"] | None]] = {
    "what it is not": None,
    "a person": "real",
    "a drawing": "anime",
}
LAYOUTS: Final[dict[str, Literal["face", "pair", "paste"]]] = {
    "the face": "face",
    "before and after": "pair",
    "the whole picture": "paste",
}
AS_IT_LOOKS: Final = "as it looks"
SEXES: Final = {AS_IT_LOOKS: "", "a woman": "woman", "a man": "man"}
AGES: Final = (AS_IT_LOOKS, "18", "25", "35", "45", "60", "75")

TEXT: Final = """# anime2real

Turns a drawn face into a photograph of a person, and a photographed face into a drawing.

**The person is invented.** It is nobody's likeness, no evidence of anything, and says nothing about anybody. Every
result carries the mark of a generated picture (XMP `trainedAlgorithmicMedia`). The weights are for non-commercial
research only. Pictures are deleted within the hour. Give it only pictures that you may use.
"""

_results = tempfile.TemporaryDirectory(prefix="anime2real-")


def translate(
    picture: str | None,
    direction: str,
    method: str,
    layout: str,
    crop: bool,
    sex: str = AS_IT_LOOKS,
    age: str = AS_IT_LOOKS,
) -> tuple[str, str]:
    """Translate a picture: the path of the marked result, and a line about it.

    Args:
        picture: the file that the user gave; None if none.
        direction: a key of `DIRECTIONS`.
        method: `best`, or one that ships.
        layout: a key of `LAYOUTS`.
        crop: whether to find the faces; otherwise the centre square is taken for one.
        sex: who is shown, a key of `SEXES`; by methods that can be told.
        age: in years, 18 to 80, or `AS_IT_LOOKS`.
    """
    if picture is None:
        raise gr.Error("Give a picture first.", print_exception=False)
    _delete_old_results()
    said = [SEXES[sex], "" if age == AS_IT_LOOKS else age]
    try:
        translated = translate_picture(
            decode(picture, limits=Limits(MAX_BYTES, MAX_PIXELS), name="the picture").image,
            to=DIRECTIONS[direction],
            method=None if method == BEST else method,
            layout=LAYOUTS[layout],
            crop="face" if crop else "none",
            who=", ".join(filter(None, said)) or None,
        )
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error
    file = write(translated.image, Path(_results.name) / f"{uuid4().hex}.png")
    shown = "An invented person" if translated.to == "real" else "A drawing"
    return str(file), f"{shown}, made by {translated.method}; a generated picture, marked as one."


def _delete_old_results() -> None:
    """Delete old results. Gradio keeps a copy of each for the page, and deletes that itself."""
    for file in Path(_results.name).iterdir():
        if time.time() - file.stat().st_mtime > MAX_AGE_SECONDS:
            file.unlink(missing_ok=True)


def page() -> gr.Blocks:
    """The page, with an API of one call, `/translate`."""
    bundles = [bundle for bundle in shipped() if not bundle.classes]
    methods = [BEST, *sorted({bundle.method for bundle in bundles})]
    told = any(bundle.takes_who for bundle in bundles)
    with gr.Blocks(title="anime2real", analytics_enabled=False, delete_cache=(600, 3000)) as blocks:
        gr.Markdown(TEXT)
        with gr.Row():
            with gr.Column():
                picture = gr.Image(
                    label="Picture",
                    type="filepath",
                    image_mode=None,
                    sources=["upload", "clipboard"],
                    buttons=["fullscreen"],
                )
                direction = gr.Radio(list(DIRECTIONS), value="what it is not", label="Turn it into")
                method = gr.Dropdown(methods, value=BEST, label="Method")
                layout = gr.Radio(list(LAYOUTS), value="the face", label="Show")
                crop = gr.Checkbox(True, label="Find the faces (off: the picture is one face already)")
                sex = gr.Radio(list(SEXES), value=AS_IT_LOOKS, label="Who is shown", visible=told)
                age = gr.Dropdown(list(AGES), value=AS_IT_LOOKS, label="Age", visible=told)
                button = gr.Button("Translate", variant="primary")
            with gr.Column():
                result = gr.Image(
                    label="Generated",
                    type="filepath",
                    format="png",
                    interactive=False,
                    buttons=["download", "fullscreen"],
                )
                line = gr.Markdown()
        inputs = [picture, direction, method, layout, crop, sex, age]
        button.click(translate, inputs, [result, line], api_name="translate", concurrency_limit=2)
        gr.Examples([str(path) for path in sorted(EXAMPLES.glob("*.png"))], picture, label="Drawn for this project")
    return blocks.queue(max_size=32)


if __name__ == "__main__":
    page().launch(max_file_size=MAX_BYTES, run_history=False)
