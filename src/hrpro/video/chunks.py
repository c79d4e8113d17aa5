"""A video's frames cut into chunks that a backbone can take one by one, with the same result as in one go."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from hrpro.video.backbones.base import BackboneSpec, Frame, count

CHUNK_BYTES = 8 * 2**20
TOGETHER = 8
"""A chunk holds a multiple of so many snippets, the backbones' usual batch: cut like that in any case."""


@dataclass(frozen=True)
class Chunk:
    """frames: all that ``snippets`` snippets from number ``first`` on are computed from.

    seen: frames of the video so far, or all of it where this is its end.
    """

    first: int
    snippets: int
    frames: list[Frame]
    seen: int
    end: bool


def chunks(frames: Iterable[Frame], spec: BackboneSpec, together: int = TOGETHER) -> Generator[Chunk]:
    """Chunks of some CHUNK_BYTES; the last one may be without snippets, and without frames.

    The first ``chunk.snippets`` vectors of ``stream(chunk.frames)``, one chunk's after the other's, are those
    of ``stream(frames)``: both cut their windows alike, and a vector depends on its window only. No more than
    a chunk is held.
    """
    held: list[Frame] = []
    seen = first = snippets = 0
    for frame in frames:
        if not seen:
            snippets = together * max(1, CHUNK_BYTES // max(1, frame.nbytes * spec.stride * together))
        if seen >= first * spec.stride:
            held.append(frame)
        seen += 1
        if held and len(held) == (snippets - 1) * spec.stride + spec.window:
            yield Chunk(first, snippets, held, seen, end=False)
            first += snippets
            held = held[snippets * spec.stride :]
    yield Chunk(first, count(seen, spec.window, spec.stride) - first, held, seen, end=True)
