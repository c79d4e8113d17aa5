"""ELAN's .eaf, one video a file: annotations of the tiers that depend on no other, in milliseconds.

ELAN has no moments: an annotation of at most 1 ms is a click here, and a click is written as one of 1 ms. A
label is an annotation's value, or its tier's name where that is empty. Written after the schema
EAFv3.0.xsd.

XML from outside is parsed by expat alone, and a document type declaration is refused: without one there are
no entities, neither such as read files nor such as blow up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source, media_name, video_of
from hrpro.data.formats.lanes import lanes
from hrpro.data.formats.neutral import Annotations, Collector, number

_TITLE = "ELAN"
_CLICK_MS = 1
_KEEP = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}  # else a parser takes them for blanks


def looks(source: Source) -> bool:
    start = source.content[:4096].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith(b"<") and b"<ANNOTATION_DOCUMENT" in start


@dataclass
class _Document:
    """What the parser has met; ``line`` is that of the element it is at."""

    media: str = ""
    media_line: int = 1
    further_media: int = 0
    offset: str = ""
    slots: dict[str, float | None] = field(default_factory=dict)
    annotations: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    dependent: int = 0
    tier: Mapping[str, str] = field(default_factory=dict)
    open: tuple[int, str, str] | None = None
    value: list[str] | None = None


def read(source: Source) -> Annotations:
    document = _parse(source)
    found, path = Collector(), source.path
    video = found.video(video_of(document.media) or path.stem, f"{path}:{document.media_line}")
    found.leave_out("dependent tier's annotation", document.dependent)
    found.leave_out("further media file", document.further_media)
    if document.offset.strip(" 0"):
        found.remark(f"the media's offset (TIME_ORIGIN, {document.offset} ms) was not applied to the times")
    for line, first, last, tier, value in document.annotations:
        where = f"{path}:{line}"
        start, end = _time(document, first, where), _time(document, last, where)
        label = value.strip() or tier
        if 0 <= end - start <= _CLICK_MS:
            found.click(video, start / 1000, label, where)
        else:
            found.segment(video, start / 1000, end / 1000, label, where)
    return found.finish()


def _time(document: _Document, slot: str, where: str) -> float:
    if slot not in document.slots:
        raise DataError(f"there is no time slot {slot!r}", where=where)
    time = document.slots[slot]
    if time is None:
        mend = "align the annotation in ELAN"
        raise DataError(f"the time slot {slot!r} has no time", where=where, mend=mend)
    return time


def _parse(source: Source) -> _Document:
    document, parser, path = _Document(), expat.ParserCreate(), source.path
    # So that a value's text comes whole and no stray handler slows a long file.
    parser.buffer_text = True

    def here() -> str:
        return f"{path}:{parser.CurrentLineNumber}"

    def doctype(*_: object) -> None:
        mend = "ELAN writes none; delete it"
        raise DataError("a document type declaration is not accepted", where=here(), mend=mend)

    def start(tag: str, given: dict[str, str]) -> None:
        if tag == "HEADER" and given.get("TIME_UNITS", "milliseconds") != "milliseconds":
            raise DataError(f"its times are in {given['TIME_UNITS']}, not in milliseconds", where=here())
        if tag == "MEDIA_DESCRIPTOR":
            if not document.media:
                document.media = given.get("MEDIA_URL") or given.get("RELATIVE_MEDIA_URL", "")
                document.media_line = parser.CurrentLineNumber
                document.offset = given.get("TIME_ORIGIN", "")
            else:
                document.further_media += 1
        elif tag == "TIME_SLOT":
            time = given.get("TIME_VALUE")
            known = None if time is None else number(time, "TIME_VALUE", here())
            document.slots[given.get("TIME_SLOT_ID", "")] = known
        elif tag == "TIER":
            document.tier = given
        elif tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            if tag == "REF_ANNOTATION" or "PARENT_REF" in document.tier:
                document.dependent += 1
            else:
                slots = given.get("TIME_SLOT_REF1", ""), given.get("TIME_SLOT_REF2", "")
                document.open = (parser.CurrentLineNumber, *slots)
        elif tag == "ANNOTATION_VALUE" and document.open:
            document.value = []

    def text(piece: str) -> None:
        if document.value is not None:
            document.value.append(piece)

    def end(tag: str) -> None:
        if tag == "ALIGNABLE_ANNOTATION" and document.open:
            value = "".join(document.value or ())
            document.annotations.append((*document.open, document.tier.get("TIER_ID", ""), value))
            document.open = document.value = None

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    try:
        parser.Parse(source.content, True)
    except expat.ExpatError as error:
        raise DataError(f"not XML: {expat.ErrorString(error.code)}", where=f"{path}:{error.lineno}") from None
    except (LookupError, ValueError) as error:  # an encoding that expat does not know
        raise DataError(f"not XML: {error}", where=here()) from None
    return document


def write(annotations: Annotations) -> str:
    ((id, video),) = annotations.videos.items()
    clicks = [(at := round(c.time * 1000), at + _CLICK_MS, c.label) for c in video.clicks]
    segments = [(round(s.start * 1000), round(s.end * 1000), s.label) for s in video.segments]
    times = sorted({time for start, end, _ in (*clicks, *segments) for time in (start, end)})
    slots = {time: f"ts{i}" for i, time in enumerate(times, start=1)}
    tiers: list[str] = []
    number = 0
    for kind, spans in (("clicks", clicks), ("segments", segments)):
        for i, lane in enumerate(lanes(spans)):
            name = kind if i == 0 else f"{kind} {i + 1}"
            tiers.append(f'    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID={quoteattr(name)}>')
            for start, end, label in lane:
                number += 1
                tiers.append(
                    f'        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" '
                    f'TIME_SLOT_REF1="{slots[int(start)]}" TIME_SLOT_REF2="{slots[int(end)]}">'
                    f"<ANNOTATION_VALUE>{escape(label, _KEEP)}</ANNOTATION_VALUE>"
                    "</ALIGNABLE_ANNOTATION></ANNOTATION>"
                )
            tiers.append("    </TIER>")
    media = quoteattr(media_name(id), _KEEP)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ANNOTATION_DOCUMENT AUTHOR="hrpro" DATE="1970-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"',
        '    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
        '    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">',
        '    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        f'        <MEDIA_DESCRIPTOR MEDIA_URL={media} MIME_TYPE="video/mp4"/>',
        "    </HEADER>",
        "    <TIME_ORDER>",
        *(f'        <TIME_SLOT TIME_SLOT_ID="{slot}" TIME_VALUE="{time}"/>' for time, slot in slots.items()),
        "    </TIME_ORDER>",
        *tiers,
        '    <LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>',
        "</ANNOTATION_DOCUMENT>",
    ]
    return "\n".join(lines) + "\n"


FORMAT = Format(
    "elan",
    _TITLE,
    ".eaf",
    frozenset({"click", "segment", "empty video"}),
    looks,
    read,
    write,
    unit="ms",
    shortest=2,
    file_of=lambda video: video,
)
