"""A folder of video files, most of them broken in a way of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rendered_videos import even_times, render

SECONDS = 4
# What is wrong with each, in words that its reason must hold.
BROKEN = {
    "audio": "no video stream",
    "empty": "0 bytes",
    "garbage": "not a video",
    "gone": "no such file",
    "head": "not a video",
    "index-lost": "not a video",
    "inner/text": "not a video",
    "page": "not a video",
    "zeros": "not a video",
}
DAMAGED = {"cut": "pictures end at"}
WHOLE = ("inner/good", "moment", "odd", "scratched")  # decoders hide a scratch


def broken_folder(folder: Path) -> Path:
    """BROKEN ones, DAMAGED ones of which something can be shown, and WHOLE ones."""
    (folder / "inner").mkdir(parents=True)
    good = render(folder / "inner/good.mp4", even_times(25, SECONDS)).read_bytes()
    render(folder / "moment.mkv", even_times(25, 0.04))
    render(folder / "odd.webm", even_times(10, SECONDS), codec="libvpx", fps=10, size=(98, 66))
    mkv = render(
        folder / "cut.mkv",
        even_times(25, SECONDS),
        codec="libx264",
        size=(192, 128),
        container_options={"cluster_time_limit": "1000"},
    )
    whole = mkv.read_bytes()
    mkv.write_bytes(whole[: len(whole) // 2])
    scratched = bytearray(whole)
    middle = len(whole) * 6 // 10
    scratched[middle : middle + len(whole) // 25] = np.random.default_rng(1).bytes(len(whole) // 25)
    (folder / "scratched.mkv").write_bytes(scratched)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "zeros.mov").write_bytes(bytes(5000))
    (folder / "garbage.avi").write_bytes(np.random.default_rng(2).bytes(5000))
    (folder / "head.mp4").write_bytes(good[:40])
    (folder / "index-lost.mp4").write_bytes(good[: len(good) // 2])
    (folder / "inner/text.mp4").write_text("This is a shopping list.\n" * 50)
    (folder / "page.webm").write_text("<!doctype html><title>404</title>" + " " * 500)
    (folder / "gone.mp4").symlink_to(folder / "nowhere.mp4")
    _sound(folder / "audio.m4v")
    (folder / "notes.pdf").write_bytes(b"%PDF-1.7")
    (folder / ".hidden.mp4").write_bytes(good)
    (folder / "good.annotated.mp4").write_bytes(good)
    return folder


def _sound(path: Path) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 16000
        out.mux(stream.encode(sound))
        out.mux(stream.encode(None))
