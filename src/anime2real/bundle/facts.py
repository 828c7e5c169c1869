"""What a manifest says of a training where a translator goes by it, and what is wrong with that."""

import re
from collections.abc import Mapping
from typing import Any, Final

from anime2real.bundle.limits import CLOSEST, OLDEST, YOUNGEST

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")


def wrong_fact(training: Mapping[str, Any]) -> str | None:
    """What is wrong with `training` of a manifest; None if nothing is."""
    classes = training.get("classes", [])
    if not isinstance(classes, list) or len(classes) > 256 or not all(isinstance(name, str) for name in classes):
        return f"the classes in 'training' must be at most 256 names, not {_short(classes)}"
    share = training.get("crop_share", 1.0)
    if type(share) not in (int, float) or not CLOSEST <= share <= 1:
        return f"crop_share in 'training' goes from {CLOSEST:g} to 1, not {_short(share)}"
    ages = training.get("ages", [YOUNGEST, OLDEST])
    numbers = isinstance(ages, list) and len(ages) == 2 and all(type(age) in (int, float) for age in ages)
    if not numbers or not YOUNGEST <= ages[0] <= ages[1] <= OLDEST:
        return f"the ages in 'training' must be two from {YOUNGEST} to {OLDEST}, not {_short(ages)}"
    name = training.get("redrawn_by", "a-name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"redrawn_by in 'training' is the name of a bundle, of a-z, 0-9, - and _, not {_short(name)}"
    return None


def _short(value: Any) -> str:
    return str(value)[:40]
