"""Bundles from the Hugging Face Hub, by name: hf://OWNER/NAME[@REVISION][/FOLDER].

Three files are fetched, by `huggingface_hub` (the extra `hub`), into its own cache: the manifest, the card and the
model, all of one commit, none larger than a bundle may have; with them those of the bundle that redraws it. No code of
theirs runs; what they hold is checked where every bundle is.
"""

import contextlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from anime2real import __version__
from anime2real.bundle.format import CARD, MANIFEST, MODEL, BundleError, read
from anime2real.bundle.limits import MAX_MANIFEST_BYTES, MAX_MODEL_BYTES
from anime2real.errors import UserError, first_line

SCHEME: Final = "hf://"
FORM: Final = "hf://OWNER/NAME[@REVISION][/FOLDER]"
LIMITS: Final = {MANIFEST: MAX_MANIFEST_BYTES, CARD: MAX_MANIFEST_BYTES, MODEL: MAX_MODEL_BYTES}

_NAME: Final = r"[A-Za-z0-9][\w.-]*"
_FORM: Final = re.compile(rf"hf://({_NAME}/{_NAME})(?:@([^/@]+))?((?:/{_NAME})*)/?", re.ASCII)


class HubName(NamedTuple):
    """Where a bundle lies.

    Attributes:
        repo: OWNER/NAME.
        revision: a branch, a tag or a commit; the main branch if None.
        folder: in the repository, with / between its parts; "" for its top.
    """

    repo: str
    revision: str | None
    folder: str


def is_hub_name(name: Path | str) -> bool:
    """Whether a bundle's name is one of the Hub's, right or wrong, and no folder's."""
    return isinstance(name, str) and name.startswith(SCHEME)


def parse(name: str) -> HubName:
    """Take a name apart; a / in a revision is written %2F.

    Raises:
        BundleError: it is of another form.
    """
    found = _FORM.fullmatch(name)
    revision = unquote(found[2] or "") if found else ""
    if found is None or ".." in found[1] + revision:
        raise BundleError(f"{name} is no bundle's name on the Hub: write it as {FORM}")
    return HubName(found[1], revision or None, found[3].strip("/"))


def fetch(name: str) -> Path:
    """Bring a bundle's files into the cache, where they are not there already.

    Returns:
        The folder that holds them, as links into the cache.

    Raises:
        BundleError: a wrong name, no huggingface_hub, no such repository or revision, no bundle in it, files too large
            for one, or the Hub cannot be reached and the cache has not got it.
    """
    place = parse(name)
    if find_spec("huggingface_hub") is None:
        raise BundleError(f'{name}: bundles from the Hub need huggingface_hub: pip install "anime2real[hub]"')
    try:
        manifest = Path(_download(place, MANIFEST))
        depth = len(place.folder.split("/")) if place.folder else 0
        # The files of one commit, even if the branch moves meanwhile: in the cache its folder is called by it.
        pinned = place._replace(revision=manifest.parents[depth].name)
        _download_rest(pinned)
        if redrawer := read(manifest.parent, follow_links=True).redrawn_by:
            _download_redrawer(pinned, redrawer)
    except UserError:
        raise
    except Exception as error:  # from an HTTP library underneath too, which is another one in other versions
        raise BundleError(f"{name} cannot be had: {_why(error, place)}") from error
    return manifest.parent


def _download_redrawer(place: HubName, name: str) -> None:
    """The bundle that redraws another, in its folder or beside it; without it, whoever loads that one says so."""
    from huggingface_hub import errors

    parts = place.folder.split("/") if place.folder else []
    for folder in [[*parts, name], *([[*parts[:-1], name]] if parts else [])]:
        there = place._replace(folder="/".join(folder))
        with contextlib.suppress(errors.EntryNotFoundError):
            _download(there, MANIFEST)
            _download_rest(there)
            return


def _download_rest(place: HubName) -> None:
    """The card, where there is one, and the model."""
    from huggingface_hub import errors

    with contextlib.suppress(errors.EntryNotFoundError):
        _download(place, CARD)
    _download(place, MODEL)


def _download(place: HubName, file: str) -> str:
    from huggingface_hub import errors, get_hf_file_metadata, hf_hub_download, hf_hub_url

    where: dict[str, Any] = {
        "repo_id": place.repo, "filename": file, "subfolder": place.folder or None, "revision": place.revision,
    }  # fmt: skip
    us: dict[str, Any] = {"library_name": "anime2real", "library_version": __version__}
    try:
        # Asked for itself, and not as a dry run: without a network that would try again for half a minute.
        size = get_hf_file_metadata(hf_hub_url(**where), **us).size or 0
    except (errors.RemoteEntryNotFoundError, errors.RevisionNotFoundError):
        raise
    except Exception as error:  # no network, a Hub that is down, a repository that has been closed
        try:
            return str(hf_hub_download(**where, **us, local_files_only=True))
        except errors.LocalEntryNotFoundError as missing:
            raise (error if isinstance(error, errors.HfHubHTTPError) else missing) from error
    if size > LIMITS[file]:
        raise BundleError(
            f"{file} of {place.repo} has {size >> 20} MB, more than the {LIMITS[file] >> 20} MB allowed in a bundle"
        )
    return str(hf_hub_download(**where, **us))


def _why(error: Exception, place: HubName) -> str:
    from huggingface_hub import errors

    match error:
        case errors.GatedRepoError():
            return f"{place.repo} asks for its terms to be accepted: do that on its page, then run hf auth login"
        case errors.RepositoryNotFoundError():
            return f"the Hub has no repository {place.repo}, or keeps it private: check the name, or run hf auth login"
        case errors.RevisionNotFoundError():
            return f"{place.repo} has no revision {place.revision!r}"
        case errors.LocalEntryNotFoundError():
            return "the Hub does not answer, and the cache has not got it: check the network, and HF_HUB_OFFLINE"
        case errors.EntryNotFoundError():
            where = f"the folder {place.folder} of {place.repo}" if place.folder else place.repo
            return f"there is no bundle ({MANIFEST} and {MODEL}) in {where}; name its folder, as in {FORM}"
    return first_line(error)
