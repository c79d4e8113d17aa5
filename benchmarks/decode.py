"""Speed and memory of decoding: ``python benchmarks/decode.py [--hours 2] [VIDEO ...]``.

Speed, in turn in one run, on videos rendered here and those named, all with FFmpeg's own threads:
- decoding by our clock, no arrays made, against PyAV's bare decode loop (aim: at most 1.15 times its time);
- ``frames``, which gives RGB arrays, against the fastest PyAV loop that makes the same arrays (the same aim).
The least of several rounds counts, of wall time and of CPU time (all threads together, the better measure
where cores are few or shared); ``to_ndarray`` is the loop of PyAV's documentation.

Memory: highest resident size of a fresh process that decodes a video of 1 minute, 10 minutes and 2 hours. The
aim is that 2 hours take no more than 16 MiB above 1 minute (FFmpeg keeps an mp4's index, some 40 bytes a
picture; a 2-hour file has 7 MiB of it). The command ends with 1 if an aim is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from hrpro.video.clock import evenly
from hrpro.video.decode import OPTIONS, frames
from hrpro.video.reader import Reader

ROUNDS = 7
AIM, AIM_MIB = 1.15, 16


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed and memory of decoding.")
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(sum(1 for _ in frames(options.peak)), peak_mib())
        return 0
    with tempfile.TemporaryDirectory() as folder:
        videos = [
            render(Path(folder) / "320x240.mp4", 320, 240, seconds=60, rate=25),
            render(Path(folder) / "640x360.mp4", 640, 360, seconds=30, rate=30),
            render(Path(folder) / "1280x720.mp4", 1280, 720, seconds=15, rate=25),
            *options.videos,
        ]
        missed = [video for video in videos if max(speed(video)) > AIM]
        print()
        grown = memory(Path(folder), options.hours)
    print(f"\nmemory of {options.hours:g} h above 1 minute: {grown:.1f} MiB (aim: at most {AIM_MIB})")
    print(f"videos on which a ratio of CPU time is above {AIM}: {len(missed)} of {len(videos)}")
    return int(bool(missed) or grown > AIM_MIB)


def speed(video: Path) -> tuple[float, float]:
    """Prints one video's table; returns CPU time ours / PyAV's for decoding alone, and with RGB arrays."""
    with av.open(str(video)) as container:
        rate = Fraction(container.streams.video[0].average_rate or 25)
        seconds = (container.duration or 0) / av.time_base
    decode, arrays, readme = "PyAV, decode only", "PyAV, RGB arrays", "PyAV, to_ndarray"
    ways: dict[str, tuple[Callable[[], int], str]] = {
        decode: (lambda: bare(video), decode),
        "ours, decode only": (lambda: clock_only(video, rate), decode),
        arrays: (lambda: bare(video, VideoReformatter()), arrays),
        "ours, frames": (lambda: sum(1 for _ in frames(video, rate=float(rate))), arrays),
        "ours, 25 a second": (lambda: sum(1 for _ in frames(video)), arrays),
        "ours, short side 128": (lambda: sum(1 for _ in frames(video, rate=float(rate), size=128)), arrays),
        readme: (lambda: documented(video), arrays),
    }
    best: dict[str, tuple[float, float]] = {}
    counts: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, (way, _) in ways.items():
            wall, cpu = perf_counter(), process_time()
            counts[name] = way()
            taken = perf_counter() - wall, process_time() - cpu
            before = best.get(name, taken)
            best[name] = min(before[0], taken[0]), min(before[1], taken[1])
    print(f"{video.name}: {seconds:.1f} s at {float(rate):.5g} pictures a second (least of {ROUNDS})")
    for name, (_, against) in ways.items():
        (wall, cpu), (base_wall, base_cpu) = best[name], best[against]
        print(
            f"  {name:22}{1e3 * wall:8.1f} ms{seconds / wall:6.0f} x real time, cpu{1e3 * cpu:8.1f} ms,"
            f"{counts[name]:6} pictures; to {against}: {wall / base_wall:5.2f}, cpu {cpu / base_cpu:5.2f}"
        )
    return best["ours, decode only"][1] / best[decode][1], best["ours, frames"][1] / best[arrays][1]


def bare(video: Path, reformatter: VideoReformatter | None = None) -> int:
    count = 0
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for picture in container.decode(video=0):
            if reformatter is not None:
                reformatter.reformat(picture, format="rgb24", **OPTIONS).to_ndarray()
            count += 1
    return count


def documented(video: Path) -> int:
    count = 0
    with av.open(str(video)) as container:
        for picture in container.decode(video=0):
            picture.to_ndarray(format="rgb24")
            count += 1
    return count


def clock_only(video: Path, rate: Fraction) -> int:
    reader = Reader(video)
    return sum(times for _, times in evenly(reader.pictures(), tick=reader.tick, rate=rate, end=reader.end))


def peak_mib() -> float:
    """Highest resident size of this process (getrusage would count in the one it was forked from)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not tell a process's highest memory (VmHWM in /proc/self/status)")


def memory(folder: Path, hours: float) -> float:
    """Prints the table of peaks; returns MiB of the longest above the shortest."""
    peaks = []
    for minutes in (1.0, 10.0, hours * 60):
        video = render(folder / f"{minutes:g}min.mp4", 64, 48, seconds=minutes * 60, rate=25)
        out = subprocess.run(
            [sys.executable, __file__, "--peak", video], check=True, capture_output=True, text=True
        )
        count, peak = out.stdout.split()
        peaks.append(float(peak))
        print(f"{minutes:6g} min 64x48, {int(count):7} frames: highest memory {float(peak):7.1f} MiB")
    return peaks[-1] - peaks[0]


def render(path: Path, width: int, height: int, *, seconds: float, rate: int) -> Path:
    """H.264 with motion and fine texture: a window that wanders over a still, noisy picture, in a loop."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (height // 8 + 16, width // 8 + 16), np.uint8)
    ground = np.kron(coarse, np.ones((8, 8), np.uint8)) // 2 + random.integers(
        0, 64, np.array(coarse.shape) * 8, np.uint8
    )
    loop = []
    for index in range(100):
        y, x = (int(50 + 40 * trig(index * np.pi / 50)) for trig in (np.sin, np.cos))
        grey = np.ascontiguousarray(ground[y : y + height, x : x + width])
        loop.append(av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p"))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(round(seconds * rate)):
            picture = loop[index % len(loop)]
            picture.pts, picture.time_base = index, Fraction(1, rate)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    sys.exit(main())
