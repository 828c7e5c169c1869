"""The marks that say a picture was generated: an XMP packet to write, and what other packets say.

The European AI Act (Art. 50) asks that generated pictures be marked so that a machine can tell. The word for
it is the IPTC's digital source type (https://cv.iptc.org/newscodes/digitalsourcetype/), kept in XMP, which
all our formats can carry.
"""

import xml.etree.ElementTree as ElementTree
from typing import Final

from anime2real import __version__

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


def source_type(xmp: bytes) -> str | None:
    """The IPTC digital source type that an XMP packet states, if it is readable and states one.

    Args:
        xmp: the packet, from anywhere: nothing in it is trusted.
    """
    if b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:  # XMP has neither; they are how XML is made to explode
        return None
    try:
        root = ElementTree.fromstring(xmp.strip(b"\0 \t\r\n"))
    except (ElementTree.ParseError, ValueError, LookupError):  # ValueError, LookupError: a false encoding
        return None
    key = f"{{{_IPTC}}}DigitalSourceType"
    for element in root.iter():  # an attribute of the description, or an element of its own: XMP allows both
        stated = element.get(key)
        if element.tag == key:
            stated = element.text or element.get(f"{{{_RDF}}}resource")
        if stated and stated.strip():
            return stated.strip()
    return None
