"""Chunks of a video give the snippets that the whole video gives."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.video import chunks as chunked
from hrpro.video.backbones.base import BackboneSpec, count, windows


@given(
    frames=st.integers(0, 130),
    window=st.integers(1, 20),
    stride=st.integers(1, 30),
    together=st.integers(1, 4),
    room=st.integers(1, 60),
)
def test_any_video_in_any_chunks(frames: int, window: int, stride: int, together: int, room: int) -> None:
    pictures = [np.full((1, 1, 3), number, np.uint8) for number in range(frames)]
    spec = BackboneSpec("test", "1", 1, 25.0, window, stride)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunked, "CHUNK_BYTES", room * 3)
        made = list(chunked.chunks(iter(pictures), spec, together))
    assert [chunk.end for chunk in made] == [False] * (len(made) - 1) + [True]
    assert made[-1].seen == frames
    found = []
    for chunk in made:
        assert chunk.first == len(found)
        assert len(chunk.frames) * 3 <= max(room * 3, together * stride * 3) + max(window - stride, 0) * 3
        assert chunk.end or chunk.snippets % together == 0
        found += list(islice(windows(chunk.frames, window, stride), chunk.snippets))
    expected = list(windows(pictures, window, stride))
    assert len(expected) == count(frames, window, stride)
    assert [[int(p[0, 0, 0]) for p in w] for w in found] == [[int(p[0, 0, 0]) for p in w] for w in expected]
