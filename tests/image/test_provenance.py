"""What pictures say of their making is read, whoever wrote it, and never trusted."""

from pathlib import Path

import pytest
from pictures import saved, smooth

from anime2real.image.decode import PictureError
from anime2real.image.provenance import read_marks, stated_in

XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{}</r:RDF></x:xmpmeta>'
IPTC = 'xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'


@pytest.mark.parametrize(
    ("inner", "stated"),
    [
        (f"<r:Description {IPTC} e:DigitalSourceType='x:made'/>", "x:made"),
        (
            f"<r:Description {IPTC}><e:DigitalSourceType> x:made </e:DigitalSourceType></r:Description>",
            "x:made",
        ),
        (f"<r:Description {IPTC}><e:DigitalSourceType r:resource='x:made'/></r:Description>", "x:made"),
        ("<r:Description/>", None),
        ("<unclosed>", None),
    ],
)
def test_xmp_of_others(inner: str, stated: str | None, tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(saved(smooth(), "JPEG", xmp=XMP.format(inner).encode() + b"\n   \0"))
    assert read_marks(path).get("DigitalSourceType") == stated


def test_xmp_that_would_explode(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "x"}">' for i in range(9))
    inner = f"<r:Description {IPTC}><e:DigitalSourceType>&a8;</e:DigitalSourceType></r:Description>"
    path = tmp_path / "face.jpg"
    path.write_bytes(saved(smooth(), "JPEG", xmp=f"<!DOCTYPE a [{entities}]>{XMP.format(inner)}".encode()))
    assert read_marks(path) == {}


def test_a_picture_without_marks_and_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(saved(smooth(), "PNG"))
    assert read_marks(path) == {}
    path.write_text("words")
    with pytest.raises(PictureError):
        read_marks(path)


def test_a_document_type_is_refused() -> None:
    packet = XMP.format(f"<r:Description {IPTC}><e:DigitalSourceType>x:made</e:DigitalSourceType></r:Description>")
    assert stated_in(packet.encode()) == {"DigitalSourceType": "x:made"}
    assert stated_in(f"<!DOCTYPE a>{packet}".encode()) == {}
