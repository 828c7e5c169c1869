"""The model card of a bundle, written from its manifest."""

from anime2real.bundle import Bundle


def model_card(bundle: Bundle) -> str:
    """README.md: what the bundle does, what it was made from, what may be done with it."""
    sources = {"anime": "drawn faces", "real": "photographs of faces"}
    lines = [
        f"# {bundle.name}",
        "",
        f"Turns {sources[bundle.source]} into {sources[bundle.target]}: RGB squares of {bundle.px} px, "
        f"cropped by the rule `{bundle.crop}`. Made by anime2real with the method `{bundle.method}`.",
        "",
        "```",
        f"anime2real translate PICTURES -o out --bundle {bundle.name}",
        "```",
        "",
        "## Trained on",
        "",
        *(_rows(bundle.training) or ["Not recorded."]),
        f"- hardware: {bundle.hardware or 'not recorded'}",
        "",
        "## Rights",
        "",
        bundle.rights or "Not recorded.",
        *(["", f"Licence of the weights: {bundle.licence}"] if bundle.licence else []),
        "",
        "## Figures",
        "",
        *(_rows(bundle.figures) or ["None measured."]),
        "",
        "## Limits",
        "",
        "It learned from centred faces of the sets above, with their share of ages, origins and styles;",
        "expect less elsewhere. It knows nothing of who is shown: a result proves nothing about anybody.",
        "Do not use it to deceive. The pictures that it makes carry a machine-readable mark that says so.",
    ]
    return "\n".join(lines) + "\n"


def _rows(table: dict[str, object]) -> list[str]:
    return [f"- {key.replace('_', ' ')}: {_told(value)}" for key, value in table.items()]


def _told(value: object) -> str:
    """A value in words: mappings as `key value`, sums cut to twelve digits."""
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_told(part)}" for key, part in value.items())
    if isinstance(value, list):
        return "; ".join(_told(part) for part in value)
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text
