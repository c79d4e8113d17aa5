"""Whether extraction takes more memory the longer a video is: nothing but the files on the disk may grow.

Highest resident size of a fresh process that extracts a video of 2 minutes, of 5 pictures a second, and the
same over and over for hours. No more than a tenth may lie between them. ``backbones.py --memory`` is the
command.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import av

from decode import peak_mib, render
from hrpro.video.extract import extract as extract_files
from hrpro.video.store import SUFFIX

GROWTH = 1.1


def memory(hours: float) -> int:
    """Prints the table; 1 if memory grows."""
    peaks, sizes = [], []
    with tempfile.TemporaryDirectory() as folder:
        short = render(Path(folder) / "loop.mp4", 320, 240, seconds=120, rate=5)
        for minutes in (2.0, 60 * hours):
            video = repeated(short, Path(folder) / f"{minutes:g}min.mp4", round(minutes / 2))
            command = [sys.executable, __file__, str(video)]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            peaks.append(float(said[0]))
            sizes.append(float(said[1]))
            print(
                f"{minutes:6g} min: highest memory {peaks[-1]:7.1f} MiB, features {sizes[-1]:6.2f} MiB",
                flush=True,
            )
    made = sizes[1] - sizes[0]
    print(
        f"{hours:g} h take {peaks[1] / peaks[0]:.2f} times the memory of 2 minutes (aim: at most {GROWTH}),"
        f" with {made:.1f} MiB more of features"
    )
    return int(peaks[1] > GROWTH * peaks[0])


def repeated(video: Path, longer: Path, times: int) -> Path:
    """The same packets so many times, one after the other: hours of video without encoding them."""
    with av.open(str(longer), "w") as out:
        stream, begin = None, 0
        for _ in range(times):
            with av.open(str(video)) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + begin, packet.dts + begin, stream
                        out.mux(packet)
                begin += source.streams.video[0].duration or 0
    return longer


def extract_one(video: Path) -> None:
    """What ``memory`` has a fresh process do: prints its peak, and the size of the features, in MiB."""
    with tempfile.TemporaryDirectory() as out:
        (entry,) = extract_files(video, out)
        assert entry.state == "done", entry
        print(peak_mib(), (Path(out) / f"{entry.id}{SUFFIX}").stat().st_size / 2**20)


if __name__ == "__main__":
    extract_one(Path(sys.argv[1]))
