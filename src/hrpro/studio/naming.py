"""What a prediction is called: the same for the same run, video and rank, short and plain however the video
is called."""

from __future__ import annotations

import hashlib


def prediction_id(run: str, video: str, rank: int) -> str:
    return f"{run}-{_short(video)}-{rank}"


def moved_id(id: str, old: str, new: str) -> str:
    """The id of the same prediction once the video ``old`` is called ``new``."""
    return id.replace(f"-{_short(old)}-", f"-{_short(new)}-", 1)


def _short(video: str) -> str:
    return hashlib.sha256(video.encode("utf-8", "replace")).hexdigest()[:12]
