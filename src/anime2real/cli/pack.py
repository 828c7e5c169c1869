"""The commands on a pack that is there: `show`, `add-hair`, `add-labels`, `hold-out`, `shard`, `archive`, `restore`."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from anime2real.cli.options import Json, Many, Output, There
from anime2real.errors import UsageError, UserError

if TYPE_CHECKING:  # imported when a command runs: `--help` answers at once
    from anime2real.data.pack import Pack

Folder = Annotated[Path, There]

pack = App(
    name="pack",
    help="Look at a pack, find its hair, read its labels, hold photographs back, make shards, send it elsewhere.",
    default_parameter=Parameter(negative=()),
)


@pack.command
def show(folder: Folder, /, *, check: bool = False, as_json: Json = False) -> int:
    """Say what a pack holds.

    Args:
        folder: the pack.
        check: read all pictures and compare them with the sums that `prepare` wrote.
        as_json: a line of JSON.
    """
    from anime2real.data.labels import shares
    from anime2real.data.pack import Pack
    from anime2real.image.decode import printable

    opened = Pack(folder)
    if check:
        opened.check()
    facts = {
        "pack": str(folder),
        "sha256": opened.digest,
        "checked": check and opened.has_sums,
        "size": opened.size,
        "crop": opened.meta.get("crop"),
        "counts": opened.meta["counts"],
        "near": opened.meta.get("near"),
        "near_hash": opened.meta.get("near_hash"),
        "sources": [source["name"] for source in opened.meta.get("sources", [])],
        "landmarks": opened.landmarks is not None,
        "hair": opened.hair is not None,
        "labels": opened.who is not None,
        "shares": shares(opened),
        "held_out": opened.meta.get("held_out", 0),
        "shards": len(opened.meta["shards"]["sums"]) if opened.in_shards else 0,
        "pairs": {split: len(opened.pairs(split)) for split in ("train", "test")},
        "classes": list(opened.classes),
        "licence": opened.meta.get("licence", ""),
    }
    if as_json:
        print(json.dumps(facts))
        return 0
    counts = [f"{n:,} {domain} to {split}" for domain, c in opened.meta["counts"].items() for split, n in c.items()]
    known = [name for name in ("landmarks", "hair", "labels") if facts[name]]
    lines = [
        f"{folder}: {opened.size} px, crop {facts['crop']}, sha256 {opened.digest[:12]}",
        f"pictures: {', '.join(counts)}; {facts['held_out']} of the test pictures were held out",
        *([f"in {_shards(facts['shards'])}"] if opened.in_shards else []),
        *_of_pairs(opened),
        f"near copies: left out within {facts['near']} bits of {facts['near_hash'] or 'a hash that is not recorded'}",
        f"sources: {', '.join(map(str, facts['sources'])) or 'not recorded'}",
        f"known of each: {', '.join(known) or 'nothing'}",
        *(
            f"{domain} is drawn with: {', '.join(f'{share:.0%} {name}' for name, share in of_domain.items())}"
            for domain, of_domain in facts["shares"].items()
        ),
        f"licence: {facts['licence'] or 'not recorded'}",
    ]
    if check:
        lines.append(f"pictures: {'as written' if opened.has_sums else 'not checked, the pack is older than sums'}")
    print("\n".join(map(printable, lines)))
    return 0


def _shards(count: int) -> str:
    return "1 shard" if count == 1 else f"{count:,} shards"


def _of_pairs(pack: "Pack") -> Iterator[str]:
    """Lines that tell of a pack's pairs and of the classes of its label maps, if it has any."""
    from anime2real.image.label_map import said

    train, test = (len(pack.pairs(split)) for split in ("train", "test"))
    if train or test:
        unpaired = len(pack.meta.get("unpaired", []))
        yield f"pairs: {train:,} to train, {test:,} to test; {unpaired:,} pictures had no partner"
    if pack.classes:
        yield f"its drawings are label maps of {said(pack.classes)}"


@pack.command
def add_hair(folder: Folder, /, *, processes: int | None = None, quiet: bool = False, as_json: Json = False) -> int:
    """Find the hair in a pack, as `prepare --hair` does; hair that was found before is found anew.

    The pack gets hair.npy and another sum, so a run on it cannot resume one from before.

    Args:
        folder: the pack, prepared with --crop face or tilted.
        processes: to use; all cores if not given.
        quiet: no progress.
        as_json: print a line of JSON in place of words.
    """
    from anime2real.data.hair_masks import add_hair as find
    from anime2real.progress import Progress

    with Progress(quiet=quiet) as progress:
        known = find(folder, processes=processes, progress=progress)
    _say({"pack": str(folder), "hair": known}, f"the hair of {known:,} pictures has a colour", as_json)
    return 0


@pack.command
def add_labels(
    folder: Folder,
    /,
    *,
    labels_from: Annotated[Path | None, There] = None,
    quiet: bool = False,
    as_json: Json = False,
) -> int:
    """Read sex and age off the faces of a pack, as `prepare --labels` does; labels that are there are read anew.

    The pack gets another sum, so a run on it cannot resume one from before.

    Args:
        folder: the pack, prepared with --crop face or tilted.
        labels_from: a CSV table with the columns archive, member, sex and age of those that are known.
        quiet: no progress.
        as_json: print a line of JSON in place of words.
    """
    from anime2real.data.labels import add_labels as read
    from anime2real.progress import Progress

    with Progress(quiet=quiet) as progress:
        known = read(folder, table=labels_from, progress=progress)
    words = f"all faces have labels, {known:,} of them from the table" if labels_from else "all faces have labels"
    _say({"pack": str(folder), "from_table": known}, words, as_json)
    return 0


@pack.command
def hold_out(
    folder: Folder, names: Path, /, *, of_each: int | None = None, min_scale: float = 0.0, as_json: Json = False
) -> int:
    """Move photographs from a pack's training split to its test split, to measure by.

    Packs of other sizes of the same archives hold back the same people by the same list.

    Args:
        folder: the pack.
        names: a text file with a photograph's name a line, as index.jsonl has it.
        of_each: choose so many sharp ones of each source, and write the list first.
        min_scale: pixels of its file that a photograph must have for each of the pack's to be chosen.
        as_json: print a line of JSON in place of words.
    """
    from anime2real.atomic import atomic_file
    from anime2real.data.hold_out import choose_held_out
    from anime2real.data.hold_out import hold_out as move
    from anime2real.data.pack import Pack
    from anime2real.image.decode import reason

    if of_each is not None:
        if of_each < 1:
            raise UsageError(f"--of-each is 1 or more, not {of_each}")
        if names.exists():
            raise UsageError(f"{names} is already there: leave --of-each out to use it, or name another file")
        chosen = choose_held_out(Pack(folder), of_each, min_scale)
        with atomic_file(names) as temporary:
            temporary.write_text("".join(f"{name}\n" for name in chosen), encoding="utf-8", errors="surrogateescape")
    elif min_scale:
        raise UsageError("--min-scale chooses photographs: give --of-each too")
    elif not os.path.lexists(names):
        raise UsageError(f"{names} is not there: check the name, or give --of-each to make it")
    try:
        text = names.read_text(encoding="utf-8", errors="surrogateescape")  # of names in any encoding
        if "\0" in text:
            raise ValueError("it is no text")
    except (OSError, ValueError) as error:
        raise UserError(f"{names} cannot be read ({reason(error)}): give a text file with a name a line") from error
    try:
        held = move(folder, {line.strip() for line in text.splitlines()} - {""})
    except UserError:
        if of_each is not None:  # the same command chooses them again
            names.unlink(missing_ok=True)
        raise
    photographs = "1 photograph" if held == 1 else f"{held:,} photographs"
    _say({"pack": str(folder), "held_out": held}, f"{photographs} of {names} held out, to test on", as_json)
    return 0


@pack.command
def shard(
    folders: Annotated[list[Path], Many, There], /, *, output: Output, each: int | None = None, quiet: bool = False
) -> int:
    """Write a pack, or several as one, as shards: to train on more pictures than memory holds, wherever these lie.

    Tar archives in WebDataset's layout, without loss; copy their folder to another disk, a server or an object store.
    Copies across several packs are left out, as `prepare` leaves them out of one. The same command goes on where it
    was stopped.

    Args:
        folders: the pack; or packs that were prepared in parts, of one size, crop and kind.
        output: the folder of the shards.
        each: pictures of a shard; by default about a gigabyte of pixels, as WebP some 200 MB.
        quiet: no progress.
    """
    from anime2real.cli.prepare import dropped_in_words
    from anime2real.data.tar_shards import shard_packs
    from anime2real.image.decode import printable

    meta = shard_packs(folders, output, each=each, quiet=quiet)
    lengths = meta["shards"]["bytes"]
    copies = dropped_in_words(meta["shards"].get("copies", {}))
    print(printable(f"{output}: {_shards(len(lengths))}, {sum(lengths) / 1e6:,.1f} MB{copies}"))
    return 0


@pack.command
def archive(folder: Folder, file: Path, /, *, quality: int = 80, parts: int = 1) -> int:
    """Write a pack to a zip archive of WebP pictures, a thirtieth of its size; `pack restore` undoes it.

    Args:
        folder: the pack.
        file: the archive; replaced if it is there.
        quality: of the pictures, 1 to 100.
        parts: archives to spread it over.
    """
    from anime2real.data.archive import archive_pack
    from anime2real.image.decode import printable

    for path in archive_pack(folder, file, quality=quality, parts=parts):
        print(printable(f"{path}: {path.stat().st_size / 1e6:.1f} MB"))
    return 0


@pack.command
def restore(archives: Annotated[list[Path], There], /, *, output: Output, as_json: Json = False) -> int:
    """Restore a pack from all of its archives; its meta.json says that the pictures were recoded.

    Args:
        archives: all parts.
        output: the pack's folder.
        as_json: print a line of JSON in place of words.
    """
    from anime2real.cli.prepare import in_words
    from anime2real.data.archive import restore_pack
    from anime2real.data.pack import Pack
    from anime2real.image.decode import printable

    restore_pack(archives, output)
    facts = {"pack": str(output), "counts": Pack(output).meta["counts"]}
    print(json.dumps(facts) if as_json else printable(in_words({**facts, "dropped": {}})))
    return 0


def _say(facts: dict[str, Any], words: str, as_json: bool) -> None:
    """Print what became of a pack."""
    from anime2real.image.decode import printable

    print(json.dumps(facts) if as_json else printable(f"{facts['pack']}: {words}"))
