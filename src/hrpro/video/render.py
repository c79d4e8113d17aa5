"""An annotated copy of a video: the current labels over the picture, and a bar of all actions below it."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Detection
from hrpro.core.errors import ConfigError
from hrpro.data.whole import appearing
from hrpro.video.decode import frames, probe

CODEC = "libx264"
# Equal bytes from equal pictures, on any machine: some of x264's own code for a processor is not exact (bits
# of the tree of macroblocks vary from run to run), and the number of threads shows in the file.
ENCODER = {"preset": "veryfast", "crf": "23", "x264-params": "cpu-independent=1"}
ENCODER_THREADS = 2
HEIGHTS = (240, 720)  # of the picture: text needs some, and a preview no more
WIDTHS = (160, 1920)
FASTEST = 60
FONT = cv2.FONT_HERSHEY_SIMPLEX
Canvas = NDArray[np.uint8]


def render(
    video: Path,
    shown: Sequence[Detection],
    target: Path,
    *,
    duration: float,
    threads: int = 0,
    tell: Callable[[float], None] | None = None,
) -> None:
    """Write ``target``, an H.264 .mp4 without sound: the video's pictures with ``shown`` on and below them.

    duration: s, the length of the bar. threads: of the decoder, 0: as many as there are cores. The same
    pictures and detections give the same bytes. Raises what ``decode.frames`` raises, RunError if it cannot
    be written, ConfigError if this FFmpeg has no H.264 encoder.
    """
    info = probe(video)
    # Rates as odd as 23.8062 are those of videos of a changing rate, where any even one will do.
    rate = Fraction(min(max(info.fps or 25, 1), FASTEST)).limit_denominator(1001)
    width, height = _even_size(info.width, info.height)
    bar = _Bar(shown, width, 2 * round(height / 16), duration)
    source = frames(video, rate=float(rate), size=(width, height), threads=threads)
    try:
        codec = av.Codec(CODEC, "w")
    except ValueError as error:
        raise ConfigError("this PyAV has no encoder for H.264", where="--render") from error
    with appearing(target) as scratch, av.open(f"file:{scratch}", "w", format="mp4") as out:
        stream: Any = out.add_stream(codec.name, rate=rate, options=ENCODER)
        stream.width, stream.height, stream.pix_fmt = width, height + bar.height, "yuv420p"
        stream.codec_context.thread_count = ENCODER_THREADS
        with closing(iter(source)) as pictures:  # type: ignore[type-var]
            for number, picture in enumerate(pictures):
                time = float((number + Fraction(1, 2)) / rate)
                frame = av.VideoFrame.from_ndarray(bar.under(picture, time), format="rgb24")
                out.mux(stream.encode(frame))
                if tell is not None and number % 16 == 0:
                    tell(min(time / max(duration, time), 1.0))
        out.mux(stream.encode(None))


def _even_size(width: int, height: int) -> tuple[int, int]:
    scale = min(max(height, HEIGHTS[0]), HEIGHTS[1]) / height
    wide = min(max(width * scale, WIDTHS[0]), WIDTHS[1])
    tall = min(height * scale, max(height * wide / width, HEIGHTS[0]))
    return 2 * round(wide / 2), 2 * round(tall / 2)


class _Bar:
    """A row a class, a block a detection, in the class's colour; drawn once, then only the moment moves."""

    def __init__(self, shown: Sequence[Detection], width: int, height: int, duration: float) -> None:
        self.shown, self.width, self.duration = shown, width, max(duration, 1e-3)
        labels = sorted({d.label for d in shown})
        self.colours = {label: _colour(index, len(labels)) for index, label in enumerate(labels)}
        row = max(round(height / max(len(labels), 1)), 2)
        self.height = 2 * round(max(height, row * len(labels)) / 2)
        self.picture = np.full((self.height, width, 3), 40, np.uint8)
        for d in shown:
            top = labels.index(d.label) * row
            left, right = self._x(d.start), max(self._x(d.end), self._x(d.start) + 2)
            self.picture[top + 1 : top + row, left:right] = self.colours[d.label]

    def under(self, picture_hwc: Canvas, time: float) -> Canvas:
        """The picture with the labels of that moment, above the bar with a line at that moment."""
        canvas = np.concatenate([picture_hwc, self.picture])
        height = len(picture_hwc)
        x = self._x(time)
        canvas[height:, max(x - 1, 0) : x + 1] = 255
        size = height / 480
        line = round(32 * size)
        now = [d for d in self.shown if d.start <= time <= d.end]
        for number, d in enumerate(sorted(now, key=lambda d: -d.score)[: max(height // line, 1)]):
            # OpenCV's own letters are ASCII.
            text = f" {d.label} {d.score:.2f} ".encode("ascii", "replace").decode()
            thickness = max(round(2 * size), 1)
            (wide, _), _ = cv2.getTextSize(text, FONT, size, thickness)
            canvas[line * number : line * (number + 1), :wide] = 20
            place = (0, round(line * (number + 0.75)))
            cv2.putText(canvas, text, place, FONT, size, self.colours[d.label], thickness, cv2.LINE_AA)
        return canvas

    def _x(self, time: float) -> int:
        return min(round(time / self.duration * self.width), self.width - 1)


def _colour(index: int, count: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(index / max(count, 1), 0.65, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)
