"""What a run found in a video, on the disk: detections as ActivityNet JSON, P and A as safetensors.

In the run's folder, predictions/<video>.json holds all detections and says which of them are worth showing,
with their uncertainty and most certain moment; activations/<video>.safetensors holds P [T, C] and A [T].
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

import hrpro
from hrpro.core.errors import DataError
from hrpro.core.timeline import Timeline
from hrpro.data.averaged import averaged
from hrpro.data.formats.activitynet import parse_detections, write_detections
from hrpro.data.formats.jsonfile import read_json
from hrpro.data.whole import appearing
from hrpro.studio.naming import prediction_id
from hrpro.studio.uncertainty import Scored, chance, doubts, uncertainty, worth_showing

if TYPE_CHECKING:  # the server reads predictions; only its worker loads PyTorch
    from hrpro.localizer import HRPro

_FOUND, _CURVES = "predictions", "activations"


@dataclass(frozen=True)
class Shown:
    """A prediction that a person is shown. moment: s within it where P of its class is highest."""

    id: str
    start: float
    end: float
    label: str
    score: float
    uncertainty: float
    moment: float


@dataclass(frozen=True)
class Predicted:
    """What is shown of a video, best first. stamp: of the features and the model that it was found with.

    doubtful: uncertain actions expected, the sum of chance times uncertainty.
    """

    min_score: float
    shown: tuple[Shown, ...]
    doubtful: float
    stamp: str


@dataclass(frozen=True, eq=False)
class Curves:
    """P [T, C] and A [T] of a video on their grid, as a run computed them."""

    classes: tuple[str, ...]
    timeline: Timeline
    attention_t: NDArray[np.float32]
    activation_tc: NDArray[np.float32]


def found_path(run: Path, video: str) -> Path:
    return run / _FOUND / f"{video}.json"


def predict_into(
    run: Path,
    video: str,
    model: HRPro,
    features_td: NDArray[np.float32],
    timeline: Timeline,
    end: float,
    stamp: str,
) -> int:
    """Localize in features [T, D] and write both files; returns the number of actions shown.

    end: s at which the recording ends. Raises RunError or DataError if they cannot be written, and what
    ``HRPro.predict`` raises.
    """
    assert model.snippet is not None
    assert model.config is not None
    features_td, timeline = averaged(features_td, model.config.pace), timeline.coarser(model.config.pace)
    scores = model.snippet.scores(features_td)
    found = model.detect(features_td, scores).ranked()
    segments = np.clip(timeline.to_seconds(found.segments), 0, end)
    inside = segments[:, 1] > segments[:, 0]
    found, segments = found[inside], segments[inside]
    scored = Scored(found.segments, found.labels, found.scores)
    # An OIC is 1 at most, a completeness too.
    top = 1.0 + (model.config.instance.highest if model.instance is not None else 0.0)
    shown = worth_showing(scored, model.min_score, top)
    seen = scored.at(shown)
    members = getattr(model.snippet, "members", ())
    each = [m.scores(features_td).activation_tc for m in members] if len(members) > 1 else []
    doubt_n = uncertainty(doubts(seen, scores.activation_tc, each, model.min_score, top))
    moments = [
        surest(scores.activation_tc[:, label], timeline, segments[n])
        for n, label in zip(shown.tolist(), seen.labels.tolist(), strict=True)
    ]
    _write_curves(run, video, Curves(found.classes, timeline, scores.attention_t, scores.activation_tc))
    about = {
        "hrpro": hrpro.__version__,
        "run": run.name,
        "stamp": stamp,
        "min_score": model.min_score,
        "doubtful": float(chance(seen.scores, model.min_score, top) @ doubt_n),
        "shown": shown.tolist(),
        "uncertainty": np.round(doubt_n, 4).tolist(),
        "moments": np.round(moments, 3).tolist(),
    }
    columns = found.moved(lambda times: np.clip(timeline.to_seconds(times), 0, end))
    write_detections(found_path(run, video), {video: columns}, external_data=about)
    return int((seen.scores >= model.min_score).sum())


def surest(activation_t: NDArray[np.floating], timeline: Timeline, segment: NDArray[np.float64]) -> float:
    """s of the highest P within a segment [2] (s): the middle of that snippet, as far as it lies inside."""
    start, end = segment
    first, last = (int(i) for i in timeline.index([start, np.nextafter(end, start)], len(activation_t)))
    best = first + int(np.argmax(activation_t[first : last + 1]))
    middle = float(timeline.to_seconds(best + 0.5))
    return middle if start <= middle <= end else float(start + end) / 2


def read_predicted(run: Path, video: str) -> Predicted | None:
    """What a run found in a video; None if nothing was looked for there, or the file is damaged."""
    path = found_path(run, video)
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return None
    return _parsed(path, video, stamp)


@lru_cache(maxsize=4096)
def _parsed(path: Path, video: str, changed: int) -> Predicted | None:
    try:
        stored = read_json(path)
        about, found = stored["external_data"], parse_detections(stored)[video]
        shown = []
        facts = zip(about["shown"], about["uncertainty"], about["moments"], strict=True)
        for rank, doubt, moment in facts:
            start, end = (float(x) for x in found.segments[rank])
            id = prediction_id(str(about["run"]), video, rank)
            label, score = found.classes[found.labels[rank]], float(found.scores[rank])
            shown.append(Shown(id, start, end, label, score, float(doubt), float(moment)))
        told = float(about["min_score"]), tuple(shown), float(about["doubtful"]), str(about["stamp"])
        return Predicted(*told)
    except (DataError, KeyError, IndexError, TypeError, ValueError):
        return None


def read_curves(run: Path, video: str) -> Curves | None:
    """P and A of a video; None if they are not there, or damaged."""
    try:
        with safe_open(curves_path(run, video), framework="numpy") as file:
            about = json.loads((file.metadata() or {})["hrpro"])
            attention_t, activation_tc = file.get_tensor("attention"), file.get_tensor("activation")
        return Curves(tuple(about["classes"]), Timeline(**about["timeline"]), attention_t, activation_tc)
    except (OSError, SafetensorError, DataError, KeyError, TypeError, ValueError):
        return None


def thinned(curves: Curves, most: int = 4000) -> dict[str, Any]:
    """As JSON: at most ``most`` points, each the mean of some snippets, on the wider grid of these."""
    length, timeline = len(curves.attention_t), curves.timeline
    step = max(-(-length // most), 1)

    def means(values_t: NDArray[np.float32]) -> list[float]:
        starts = np.arange(0, length, step)
        counts = np.minimum(starts + step, length) - starts
        return np.round(np.add.reduceat(values_t.astype(np.float64), starts) / counts, 3).tolist()

    return {
        "stride": timeline.stride * step,
        "offset": timeline.offset,
        "window": (timeline.window or timeline.stride) + timeline.stride * (step - 1),
        "classes": list(curves.classes),
        "attention": means(curves.attention_t),
        "activation": [means(column) for column in curves.activation_tc.T],
    }


def curves_path(run: Path, video: str) -> Path:
    return run / _CURVES / f"{video}.safetensors"


def _write_curves(run: Path, video: str, curves: Curves) -> None:
    grid = {
        "stride": curves.timeline.stride,
        "window": curves.timeline.window,
        "offset": curves.timeline.offset,
    }
    arrays = {"attention": curves.attention_t, "activation": curves.activation_tc}
    whole = {name: np.ascontiguousarray(values, np.float32) for name, values in arrays.items()}
    content = save(whole, {"hrpro": json.dumps({"classes": list(curves.classes), "timeline": grid})})
    with appearing(curves_path(run, video)) as scratch:
        scratch.write_bytes(content)
