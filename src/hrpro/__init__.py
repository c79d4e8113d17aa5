"""Point-supervised temporal action localization with HR-Pro (AAAI 2024).

One click inside each action of some recordings goes in; start, end, class and score of every action in
new recordings come out. The names below load on first use, so that ``import hrpro`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrpro.config import Config
    from hrpro.core.annotations import Click, Detection, Detections, Segment
    from hrpro.core.errors import HRProError
    from hrpro.core.timeline import Timeline
    from hrpro.data.folder import open_dataset
    from hrpro.localizer import HRPro
    from hrpro.video.vectors import FeatureSequence, video_features

__version__ = "0.1.0"

_HOMES = {
    "Click": "hrpro.core.annotations",
    "Config": "hrpro.config",
    "Detection": "hrpro.core.annotations",
    "Detections": "hrpro.core.annotations",
    "FeatureSequence": "hrpro.video.vectors",
    "HRPro": "hrpro.localizer",
    "HRProError": "hrpro.core.errors",
    "Segment": "hrpro.core.annotations",
    "Timeline": "hrpro.core.timeline",
    "open_dataset": "hrpro.data.folder",
    "video_features": "hrpro.video.vectors",
}
__all__ = [
    "Click",
    "Config",
    "Detection",
    "Detections",
    "FeatureSequence",
    "HRPro",
    "HRProError",
    "Segment",
    "Timeline",
    "open_dataset",
    "video_features",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hrpro' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
