"""Marks of generated pictures: the XMP packet that results get, and reading the marks of any file.

The European AI Act (Art. 50) requires that machines can recognise generated pictures. The IPTC's digital source type
(https://cv.iptc.org/newscodes/digitalsourcetype/) says it, in XMP, which all our formats can hold. Pillow and FFmpeg do
not write XMP into GIF and MP4; this module does, as Adobe's XMP Specification Part 3 (2020) describes.
"""

from pathlib import Path
from typing import Final

from PIL import ExifTags, Image

from anime2real import __version__
from anime2real.image.decode import Limits, Stream, exif_of, opened, reason, refuse

GENERATED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SOFTWARE: Final = f"anime2real {__version__}"

_IPTC: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" '
    f'xmlns:Iptc4xmpExt="{_IPTC}" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="{SOFTWARE}" '
    f'Iptc4xmpExt:DigitalSourceType="{GENERATED}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
"""The XMP packet of a generated picture."""

_GIF_HEAD: Final = b"\x21\xff\x0bXMP DataXMP"
_MP4_BOX: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MAX_BYTES: Final = 2**20
"""Largest packet that is read."""


def source_type(xmp: bytes) -> str | None:
    """The IPTC digital source type that an XMP packet states, if it is readable and states one.

    Args:
        xmp: the packet, which may come from a stranger.
    """
    from defusedxml import ElementTree  # here, since writing a picture needs no parser

    try:
        # XMP has no document type; those that define entities are how XML is made to explode.
        root = ElementTree.fromstring(xmp.strip(b"\0 \t\r\n"), forbid_dtd=True)
    except (ElementTree.ParseError, ValueError, LookupError):  # a document type; a false encoding
        return None
    key = f"{{{_IPTC}}}DigitalSourceType"
    for element in root.iter():  # an attribute of the description, or an element of its own: XMP allows both
        stated = element.get(key)
        if element.tag == key:
            stated = element.text or element.get(f"{{{_RDF}}}resource")
        if stated and stated.strip():
            return str(stated).strip()
    return None


def exif_of_results() -> bytes:
    """The EXIF of a generated picture: the program that made it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = SOFTWARE
    return exif.tobytes()


def in_gif(gif: bytes) -> bytes:
    """A whole GIF with the packet after its header and colours (section 1.1.2).

    The packet is not cut into blocks; the 258 bytes after it lead whoever takes it for blocks to its end.
    """
    place = 13 + (3 * 2 ** ((gif[10] & 7) + 1) if gif[10] & 0x80 else 0)
    trailer = bytes((1, *range(255, -1, -1), 0))
    return gif[:place] + _GIF_HEAD + PACKET.encode() + trailer + gif[place:]


def of_gif(gif: bytes) -> bytes:
    """The XMP packet in a GIF; empty if there is none."""
    start = gif.find(_GIF_HEAD)
    end = gif.find(b"\x01\xff\xfe\xfd", start, start + _MAX_BYTES) if start >= 0 else -1
    return gif[start + len(_GIF_HEAD) : end] if end >= 0 else b""


def mp4_box() -> bytes:
    """The packet in a box of its own, to be put at the end of an MP4 (section 1.2.7)."""
    content = PACKET.encode()
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


def read_marks(path: Path | str) -> dict[str, str]:
    """What a picture says of its making: `DigitalSourceType` and `Software`, those that are there.

    Raises:
        PictureError: as `decode`, except that the pixels are not looked at.
    """
    with opened(path, None, Limits()) as picture:
        xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""  # the latter: a PNG's
        if picture.format == "GIF" and isinstance(picture.fp, Stream):
            xmp = of_gif(picture.fp.getvalue())
        software = picture.info.get("Software") or exif_of(picture).get(ExifTags.Base.Software)
    stated = {
        "DigitalSourceType": source_type(xmp.encode() if isinstance(xmp, str) else bytes(xmp)),
        "Software": str(software).strip("\0 ") if software else None,
    }
    return {key: value for key, value in stated.items() if value}


def film_marks(path: Path) -> dict[str, str]:
    """What a video says of its making: `DigitalSourceType`, if it is an MP4 that says so.

    Raises:
        PictureError: it cannot be read.
    """
    try:
        stated = source_type(of_mp4(path))
    except OSError as error:
        refuse(path, f"cannot be read ({reason(error)}): check the name and its rights", error)
    return {"DigitalSourceType": stated} if stated else {}
