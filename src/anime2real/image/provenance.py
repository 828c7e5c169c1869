"""Marks of generated pictures: the XMP packet that results get, and reading the marks of any file.

The European AI Act (Art. 50) requires that machines can recognise generated pictures. The IPTC's digital source type
(https://cv.iptc.org/newscodes/digitalsourcetype/) says it, in XMP, which all our formats can hold; its properties for
AI systems (IPTC Photo Metadata Standard 2025.1) say by which networks. Pillow and FFmpeg do not write XMP into GIF and
MP4; this module does, as Adobe's XMP Specification Part 3 (2020) describes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image

from anime2real import __version__
from anime2real.image.decode import Limits, Stream, exif_of, opened, reason, refuse

GENERATED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SOFTWARE: Final = f"anime2real {__version__}"

_IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_STATED: Final = ("DigitalSourceType", "AISystemUsed", "AISystemVersionUsed", "AIPromptInformation")
"""Properties of the IPTC that are read."""

_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" '
    f'xmlns:Iptc4xmpExt="{_IPTC}" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{SOFTWARE}" '
    f'Iptc4xmpExt:DigitalSourceType="{GENERATED}"%s/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
PACKET: Final = _PACKET % ""
"""The XMP packet of a generated picture."""

MADE: Final = _PACKET % (
    ' Iptc4xmpExt:AISystemUsed="{0.system}" Iptc4xmpExt:AISystemVersionUsed="{0.version}"'
    ' Iptc4xmpExt:AIPromptInformation="{0.asked}"'
)
"""That of one whose `Making` is known, to be formatted with it: nothing in it has to be escaped."""


@dataclass(frozen=True)
class Making:
    """By what a picture was generated, in the letters of bundles' names and of `making.in_words`.

    Attributes:
        system: the bundle, and the one that redrew its results, if any did.
        version: how the SHA-256 of their models begin.
        asked: what was asked for beside the picture.
    """

    system: str
    version: str
    asked: str


_GIF_HEAD: Final = b"\x21\xff\x0bXMP DataXMP"
_MP4_BOX: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_XMP_BEGINS: Final = b"<x:xmpmeta"
_XMP_ENDS: Final = b"</x:xmpmeta>"
_MAX_BYTES: Final = 2**20
"""Largest packet that is read."""


def packet(making: Making | None) -> str:
    """The XMP packet of a generated picture, with its `Making` if that is known."""
    return PACKET if making is None else MADE.format(making)


def stated_in(xmp: bytes) -> dict[str, str]:
    """What an XMP packet states of a picture's making, in IPTC's words: `_STATED`, those that are there.

    Args:
        xmp: the packet, which may come from a stranger; nothing is read of one that is no XML.
    """
    from defusedxml import ElementTree  # here, since writing a picture needs no parser

    try:
        # XMP has no document type; those that define entities are how XML is made to explode.
        root = ElementTree.fromstring(xmp.strip(b"\0 \t\r\n"), forbid_dtd=True)
    except (ElementTree.ParseError, ValueError, LookupError):  # a document type; a false encoding
        return {}
    stated: dict[str, str] = {}
    for element in root.iter():  # an attribute of the description, or an element of its own: XMP allows both
        for name in _STATED:
            key = f"{{{_IPTC}}}{name}"
            value = element.get(key)
            if element.tag == key:
                value = element.text or element.get(f"{{{_RDF}}}resource")
            if value and value.strip():
                stated.setdefault(name, str(value).strip())
    return stated


def exif_of_results() -> bytes:
    """The EXIF of a generated picture: the program that made it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = SOFTWARE
    return exif.tobytes()


def in_gif(gif: bytes, making: Making | None = None) -> bytes:
    """A whole GIF with the packet after its header and colours (section 1.1.2).

    The packet is not cut into blocks; the 258 bytes after it lead whoever takes it for blocks to its end.
    """
    place = 13 + (3 * 2 ** ((gif[10] & 7) + 1) if gif[10] & 0x80 else 0)
    trailer = bytes((1, *range(255, -1, -1), 0))
    return gif[:place] + _GIF_HEAD + packet(making).encode() + trailer + gif[place:]


def of_gif(gif: bytes) -> bytes:
    """The XMP packet in a GIF; empty if there is none."""
    start = gif.find(_GIF_HEAD)
    end = gif.find(b"\x01\xff\xfe\xfd", start, start + _MAX_BYTES) if start >= 0 else -1
    return gif[start + len(_GIF_HEAD) : end] if end >= 0 else b""


def mp4_box(making: Making | None = None) -> bytes:
    """The packet in a box of its own, to be put at the end of an MP4 (section 1.2.7)."""
    content = packet(making).encode()
    return (24 + len(content)).to_bytes(4, "big") + b"uuid" + _MP4_BOX + content


def of_mp4(path: Path) -> bytes:
    """The XMP packet among an MP4's outermost boxes; empty if there is none, or the file is none.

    Raises:
        OSError: it cannot be read.
    """
    end = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        while start + 24 <= end:
            file.seek(start)
            head = file.read(24)
            size = int.from_bytes(head[:4], "big")
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if head[4:8] == b"uuid" and head[8:24] == _MP4_BOX:
                return file.read(min(size - 24, _MAX_BYTES)) if size > 24 else b""
            if size < 8:  # to the end of the file, or no box
                return b""
            start += size
    return b""


def of_matroska(path: Path) -> bytes:
    """The XMP packet among the tags before the pictures of a Matroska file; empty if there is none, or it is none.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_MAX_BYTES)
    start = head.find(_XMP_BEGINS) if head.startswith(b"\x1a\x45\xdf\xa3") else -1
    end = head.find(_XMP_ENDS, start)
    return head[start : end + len(_XMP_ENDS)] if 0 <= start < end else b""


def read_marks(path: Path | str) -> dict[str, str]:
    """What a picture says of its making, those that are there: `DigitalSourceType`, `AISystemUsed`,
    `AISystemVersionUsed` and `AIPromptInformation`, as the IPTC has them, and `Software`.

    Raises:
        PictureError: as `decode`, except that the pixels are not looked at.
    """
    with opened(path, None, Limits()) as picture:
        xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""  # the latter: a PNG's
        if picture.format == "GIF" and isinstance(picture.fp, Stream):
            xmp = of_gif(picture.fp.getvalue())
        software = picture.info.get("Software") or exif_of(picture).get(ExifTags.Base.Software)
    stated = stated_in(xmp.encode() if isinstance(xmp, str) else bytes(xmp))
    return stated | ({"Software": told} if software and (told := str(software).strip("\0 ")) else {})


def film_marks(path: Path) -> dict[str, str]:
    """What a video says of its making, as `read_marks`, if it is an MP4 or Matroska that says so.

    Raises:
        PictureError: it cannot be read.
    """
    try:
        return stated_in(of_mp4(path) or of_matroska(path))
    except OSError as error:
        refuse(path, f"cannot be read ({reason(error)}): check the name and its rights", error)
