"""Formats as properties: what fits into a format is read back from it, and what does not fit is said."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hrpro.core.annotations import Click, Detection, Segment
from hrpro.core.errors import DataError
from hrpro.data.formats.fit import file_stems, fit
from hrpro.data.formats.form import HOLDINGS, Format, Source, media_name, video_of
from hrpro.data.formats.neutral import Annotations, Video, name
from hrpro.data.formats.registry import FORMATS, guess_source

BOTH_WAYS = [form for form in FORMATS.values() if form.read and form.write]
OF_LINES = ("seconds", "segments", "sfnet", "lacp", "boris", "audacity")
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
RATES = (25.0, 30.0, 29.97, 23.976, 59.94, 50.0, 15.0)


def is_name(text: str) -> bool:
    try:
        return name(text, "", "") == text
    except DataError:
        return False


def names(alphabet: str) -> st.SearchStrategy[str]:
    odd = st.sampled_from(
        ["a,b", 'say "x"', "x.mp4", "a/b", "c:\\d", "50%25", "?d=z", "Čaj ☕", "=1+1", "'", "1", "a#b"]
    )
    odd |= st.sampled_from(
        ["a\tb", "label", "video_id", "-->", "<b>&amp;", "a/1", "{x", "..", "NA", "\x85x", "a\u2028b"]
    )
    return (odd | st.text(st.sampled_from(alphabet) | st.characters(), min_size=1, max_size=12)).filter(
        is_name
    )


@st.composite
def some_annotations(draw: st.DrawFn, breaks: bool = True) -> Annotations:
    texts = names(',;"\t/\\%._- ' + ("\n\r" if breaks else "")).filter(
        lambda t: breaks or not set("\n\r") & set(t)
    )
    milliseconds = st.integers(0, 10_000_000).map(lambda ms: ms / 1000)
    times = milliseconds | st.floats(0, 1e5) | st.sampled_from([0.0, 1 / 3, 1e-9, 59.9996])
    videos = {}
    for id in draw(st.lists(texts, min_size=1, max_size=3, unique=True)):
        fps = draw(st.sampled_from(RATES))
        at = times | st.integers(0, 100_000).map(lambda frame, fps=fps: frame / fps)
        spans = st.tuples(at, at).map(sorted)
        clicks = draw(st.lists(st.builds(Click, at, texts), max_size=4))
        segments = draw(
            st.lists(
                spans.flatmap(lambda s: st.builds(Segment, st.just(s[0]), st.just(s[1]), texts)), max_size=3
            )
        )
        found = spans.flatmap(
            lambda s: st.builds(Detection, st.just(s[0]), st.just(s[1]), texts, st.floats(-9, 9))
        )
        segments += draw(st.lists(found, max_size=2))
        duration = draw(st.none() | at)
        videos[id] = Video(
            tuple(clicks), tuple(segments), duration, fps, draw(st.none() | st.sampled_from(["Test", "a b"]))
        )
    return Annotations(videos)


def unordered(held: Annotations, digits: int = 99) -> dict[str, Video]:
    """Everything in it, in an order of its own, for formats are free in theirs; times to so many digits."""

    def key(s: Segment | Detection) -> tuple:
        return s.start, s.end, s.label, getattr(s, "score", 0)

    return {
        id: replace(
            video,
            clicks=tuple(
                sorted(
                    (Click(round(c.time, digits), c.label) for c in video.clicks),
                    key=lambda c: (c.time, c.label),
                )
            ),
            segments=tuple(
                sorted(
                    (
                        replace(s, start=round(s.start, digits), end=round(s.end, digits))
                        for s in video.segments
                    ),
                    key=key,
                )
            ),
        )
        for id, video in held.videos.items()
    }


def written(form: Format, held: Annotations, folder: Path) -> list[Path]:
    assert form.write is not None
    groups: dict[str, dict[str, Video]] = {}
    for id, video in held.videos.items():
        groups.setdefault("all" if form.file_of is None else form.file_of(id), {})[id] = video
    stems = file_stems(groups)
    paths = []
    for key, videos in groups.items():
        paths.append(folder / (stems[key] + form.suffix))
        paths[-1].write_text(form.write(Annotations(videos)), encoding="utf-8", newline="")
    return paths


@pytest.mark.parametrize("form", BOTH_WAYS, ids=lambda form: form.name)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=SLOW)
def test_what_fits_comes_back(form: Format, data: st.DataObject) -> None:
    given = data.draw(some_annotations(breaks=form.name not in OF_LINES))
    try:
        held, said = fit(given, form)
    except DataError as error:
        held, said = Annotations({}), [str(error)]
        told = "can hold nothing of it|two videos would both be"
    else:
        told = ""
    assert re.search(told, "; ".join(said))
    if unordered(held, 6) != unordered(given, 6):
        assert said, "a loss is said"
    with tempfile.TemporaryDirectory() as folder:
        back: dict[str, Video] = {}
        for path in written(form, held, Path(folder)):
            source = Source(path, lambda id: held.videos[id].fps)
            assert form.read is not None
            read = form.read(source)
            assert not [r for r in read.remarks if "overlapping" not in r and "subject" not in r], (
                read.remarks
            )
            back |= read.videos
            if held.videos and not any(id.startswith(("[", "{", "#", "\ufeff")) for id in held.videos):
                assert guess_source(source) is form, "told by its content"
        expected = unordered(held)
        if form.name == "lacp":  # which counts by a rate that it does not hold
            expected = {id: replace(video, fps=None) for id, video in expected.items()}
        assert unordered(Annotations(back)) == expected


@pytest.mark.parametrize("form", BOTH_WAYS, ids=lambda form: form.name)
def test_every_loss_is_counted(form: Format) -> None:
    videos = {
        "a": Video((Click(1, "x"),), (Segment(2, 3, "x"), Detection(4, 5, "x", 0.5)), 10, 25, "Test"),
        "b": Video((), (), 10),
    }
    _, said = fit(Annotations(videos), form)
    told = set(re.split("[,:;] ", "; ".join(said))) - {f"left out, as {form.title} cannot hold it"}
    either, both = {"segment", "detection"} & form.holds, {"segment", "detection"} <= form.holds
    expected = {
        "1 click": "click" not in form.holds,
        "2 segments": not either,
        "1 score": "segment" in form.holds and not both,
        "1 unscored segment": "detection" in form.holds and not both,
        "2 durations": "duration" not in form.holds,
        "1 frame rate": "fps" not in form.holds and form.unit != "frame",
        "1 subset name": "subset" not in form.holds,
        "1 empty video": "empty video" not in form.holds,
    }
    assert {text for text in told if text[0].isdigit()} - {"1 video named otherwise there"} == {
        text for text, lost in expected.items() if lost
    }
    assert form.holds <= set(HOLDINGS)


@pytest.mark.parametrize(
    "form", [f for f in FORMATS.values() if f.name in (*OF_LINES, "webvtt", "srt")], ids=lambda f: f.name
)
def test_a_line_break_is_refused_where_lines_count(form: Format) -> None:
    held, _ = fit(Annotations({"a": Video((Click(1, "x\ny"),), (Segment(1, 2, "x\ny"),), fps=25)}), form)
    assert form.write is not None
    with pytest.raises(DataError, match=r"'x\\ny' has a line break"):
        form.write(held)


@given(names(',;"\t/\\%._- \n'))
@example("a%2Fb")
@example("x.mp4.mp4")
@example("http://a/b?c#d")
def test_a_media_name_gives_the_id_back(id: str) -> None:
    assert video_of(media_name(id)) == id
    assert video_of(f"/home/ada/{media_name(id)}") == id


@pytest.mark.parametrize(
    ("media", "id"),
    [
        ("kitchen.mp4", "kitchen"),
        ("C:\\My videos\\kitchen.MKV", "kitchen"),
        ("file:///a/My%20video.mp4", "My video"),
        ("https://example.org/v/kitchen.webm?x=a/b.mp4#t=1", "kitchen"),
        ("/data/local-files/?d=kitchen.mp4", "kitchen"),
        ("v_1.2", "v_1.2"),
        ("100% wool.avi", "100% wool"),
        ("%ff.mp4", "%ff"),
        (".mp4", ".mp4"),
    ],
)
def test_an_id_is_the_media_files_own_name(media: str, id: str) -> None:
    assert video_of(media) == id


@given(st.lists(st.text(max_size=300), unique=True, max_size=8))
@example(["a/b", "a:b", "A_B", "..", ".", "", "CON", "a.", "x" * 400, "é" * 300])
@settings(deadline=None)
def test_file_stems_are_names_of_files_and_differ(names: list[str]) -> None:
    stems = file_stems(names)
    assert len({stem.casefold() for stem in stems.values()}) == len(names)
    for stem in stems.values():
        assert stem
        assert not stem.startswith(".")
        assert not set('/\\:*?"<>|\0') & set(stem)
        assert len(stem.encode(errors="surrogatepass")) < 200


def test_short_segments_are_lengthened_and_moved_times_are_said() -> None:
    video = Video((Click(0.0004, "x"),), (Segment(1, 1, "x"),), fps=25)
    (held, said) = fit(Annotations({"a": video}), FORMATS["elan"])
    assert held.videos["a"] == Video((Click(0, "x"),), (Segment(1, 1.002, "x"),))
    assert said[1:] == [
        "times are rounded to milliseconds: 1 of them moved",
        "1 shorter segment lengthened to 2 milliseconds",
    ]
    (held, said) = fit(Annotations({"a": video}), FORMATS["label-studio"])
    assert held.videos["a"].segments == (Segment(1, 27 / 25, "x"),)
    assert said[-1] == "1 shorter segment lengthened to 2 frames"


def test_ids_that_would_become_one_are_refused() -> None:
    video = Video((Click(1, "x"),))
    with pytest.raises(DataError, match="two videos would both be 'g/1'"):
        fit(Annotations({"g": video, "g/1": video}), FORMATS["soccernet"])
