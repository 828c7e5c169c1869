"""The end of a run: every translator is exported to a bundle in the run folder."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from anime2real.train.export.to_onnx import export_bundle
from anime2real.train.method import Method, TrainedTranslator
from anime2real.train.run.checkpoint import RunProgress
from anime2real.train.run.config import TrainConfig
from anime2real.train.run.folder import LOCK, RunFolder
from anime2real.train.run.lock import locked, locked_folder
from anime2real.train.run.restore import Restored, restore_run

_NOTED: Final = ("recoded", "children", "generated", "crop_share")
"""What bundles say of their pack where its meta.json says it: `make_pairs` writes the last two."""


def export_translators(
    method: Method,
    config: TrainConfig,
    pack: dict[str, Any],
    output: Path,
    facts: dict[str, Any],
    progress: RunProgress,
) -> list[Path]:
    """Write a bundle for each translator below `output`, named METHOD-SOURCE-to-TARGET; returns their folders.

    Those of further EMAs go to a folder each, ema-SHARE.

    Args:
        method: as it stands.
        config: of its run.
        pack: meta.json of its pack.
        output: the folder of bundles; a bundle of the same name is replaced.
        facts: environment.json of its run.
        progress: of its run.
    """
    recorded = _recorded(method, config, pack, facts, progress)
    translators = [(output, translator, recorded) for translator in method.translators()]
    for place, share in enumerate(config.ema_shares):
        parent, own = output / f"ema-{share:g}", recorded | {"ema_share": share}
        translators += [(parent, translator, own) for translator in method.ema_translators(place) if translator.final]
    written = []
    for parent, translator, training in translators:
        target = bundle_folder(parent, translator)
        export_bundle(
            translator.module,
            target,
            method=translator.name,
            source=translator.source,
            target=translator.target,
            px=pack["size"],
            conditions=translator.conditions,
            classes=translator.classes,
            crop=str(pack.get("crop", "centre")),
            training=training | _of_translator(translator, pack),
            licence=_joined("licence", pack, method, "unknown: the pack names none"),
            rights=_joined("rights", pack, method, ""),
            hardware=str(facts["hardware"]),
        )
        written.append(target)
    return written


def _recorded(
    method: Method, config: TrainConfig, pack: dict[str, Any], facts: dict[str, Any], progress: RunProgress
) -> dict[str, Any]:
    """`training` of all bundles of a run; arguments as of `export_translators`."""
    table = config.as_table()
    options = table["options"]  # folders of this machine: their names will do
    for key in ("maps", "start_from"):
        if key in options:
            options[key] = [Path(folder).name for folder in options[key]]
    if options.get("discriminators_from"):
        options["discriminators_from"] = Path(options["discriminators_from"]).name
    return {
        "pack": config.pack,
        "sources": pack.get("sources", []),
        "counts": pack.get("counts", {}),
        **{key: pack[key] for key in _NOTED if key in pack},
        "options": table["options"],
        "budget": table["budget"],
        **({"earlier_budgets": table["earlier_budgets"]} if "earlier_budgets" in table else {}),
        **({"discriminator_features": method.discriminator_features} if method.discriminator_features else {}),
        **({"started_from": [_without_rights(facts) for facts in method.started_from]} if method.started_from else {}),
        "seed": config.seed,
        "steps": progress.step,
        "pairs": progress.pairs,
        "minutes": round(progress.seconds / 60.0, 2),
        "date": datetime.now(UTC).date().isoformat(),
        "torch": facts["torch"],
    }


def _of_translator(translator: TrainedTranslator, pack: dict[str, Any]) -> dict[str, Any]:
    """What `training` of one translator's bundle says beside: by these a translator goes."""
    said: dict[str, Any] = {}
    if "who" in translator.conditions and "labels" in pack:
        said["ages"] = pack["labels"]["ages"].get(translator.target)
    if translator.redrawn:
        said["redrawn_by"] = f"{translator.name}-{translator.target}-to-{translator.source}"
    if translator.keeps_colours:
        said["keeps_colours"] = True
    if translator.classes:
        said["classes"] = pack.get("classes")
    return said


def export_run(run: Path, output: Path | None = None) -> list[Path]:
    """Write the bundles of a run as its newest checkpoint stands, finished or not; returns their folders.

    Args:
        run: the run folder.
        output: where the bundles go; the run's own `bundles/` if not given.

    Raises:
        TrainError: `run` is no run, has no checkpoint yet, or another process writes bundles there.
    """
    folder = RunFolder(run)
    restored = restore_run(run)
    if output is None:  # where a training that ends writes, too
        with locked(folder.root / LOCK, f"another process trains in {run}: wait for it, or give --output"):
            return _export(restored, folder.bundles)
    with locked_folder(output, LOCK, f"another process writes to {output}: wait for it, or give another folder"):
        return _export(restored, output)


def _export(restored: Restored, output: Path) -> list[Path]:
    return export_translators(
        restored.method, restored.config, restored.pack, output, restored.facts, restored.progress
    )


def _joined(key: str, pack: dict[str, Any], method: Method, unknown: str) -> str:
    """What the pack says under a key, `unknown` if nothing, and what else the bundles say that were started from."""
    texts = [str(facts.get(key) or unknown) for facts in (pack, *method.started_from)]
    return "; ".join(dict.fromkeys(filter(None, texts)))


def _without_rights(facts: dict[str, Any]) -> dict[str, Any]:
    """What is noted of a bundle that the networks started from, less what `_joined` says."""
    return {key: value for key, value in facts.items() if key not in ("licence", "rights")}


def bundle_folder(parent: Path, translator: TrainedTranslator) -> Path:
    """Where a translator's bundle goes; what is not final goes one folder deeper."""
    name = f"{translator.name}-{translator.source}-to-{translator.target}"
    return parent / name if translator.final else parent / "snapshots" / name
