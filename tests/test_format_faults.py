"""Broken files: each fault is one line with the file's line, in every format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hrpro.core.errors import DataError
from hrpro.data.formats.form import Source
from hrpro.data.formats.registry import FORMATS, guess_source

SAMPLES = Path(__file__).parent / "samples"
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
NAN, BEFORE, LESS = "finite number, not", "before it starts", "must not be negative"
RANGE = ":6: [0].annotations[0].result[1].value.ranges"
HTML = """<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
FILE = """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>"""

# Of a sample: (file, what to put in place of what, the place of the fault, its words).
SWAPS = [
    ("seconds.csv", ",7.25,", ",nan,", "seconds.csv:3", "finite number"),
    ("seconds.csv", ",7.25,", ",-1,", "seconds.csv:3", "from 0 on"),
    ("seconds.csv", ",7.25,", ",x,", "seconds.csv:3", "not a number"),
    ("seconds.csv", ",7.25,", ",1e12,", "seconds.csv:3", "30 years"),
    ("seconds.csv", '"stir ""slowly"""', '"stir', "seconds.csv:3", "comma-separated"),
    ("segments.csv", ",5.5,7,", ",7.5,7,", "segments.csv:2", BEFORE),
    ("segments.csv", ",5.5,7,", ",5.5,inf,", "segments.csv:2", NAN),
    ("segments.csv", "0.75", "high", "segments.csv:2", NAN),
    ("segments.csv", ",1,4.25", ",-1,4.25", "segments.csv:3", LESS),
    ("segments.csv", "blurred,", "blurred", "segments.csv:3", "5 columns where 6"),
    ("sfnet.txt", "7.25, stir", "7.25", "sfnet.txt:3", "2 columns where 3"),
    ("lacp.csv", "175", "-175", "lacp.csv:3", "from 0 on"),
    ("activitynet.json", "[1.5, 4.25]", "[4.25, 1.5]", ":3: database.v_kitchen.annotations[0]", BEFORE),
    (
        "activitynet.json",
        "[1.5, 4.25]",
        "[NaN, 4.25]",
        ":3: database.v_kitchen.annotations[0]",
        "seconds, 0 or",
    ),
    ("activitynet.json", '"fps": 25', '"fps": -25', ":2: database.v_kitchen", "positive number"),
    ("activitynet.json", '"stir"', '" "', ":3: database.v_kitchen.annotations[1]", "label is empty"),
    ("activitynet.json", '"stir"', '"\\ud800"', ":3: database.v_kitchen.annotations[1]", "U+D800"),
    ("activitynet_results.json", "[1.0, 4.0]", "[4.0, 1.0]", ":3: results.v_kitchen[1]", BEFORE),
    ("activitynet_results.json", "[1.0, 4.0]", "[-1.0, 4.0]", ":3: results.v_kitchen[1]", LESS),
    ("via3_project.json", "[2.0]", "[NaN]", ":13: metadata.1_aaaaaaaa", NAN),
    ("via3_project.json", "[2.0]", "[-2.0]", ":13: metadata.1_aaaaaaaa", LESS),
    ("via3_project.json", "[2.0]", "[1, 2, 3]", ":13: metadata.1_aaaaaaaa.z", "3 times where one or two"),
    ("via3_project.json", "[6.5, 8.125]", "[8.5, 8.125]", ":14: metadata.1_bbbbbbbb", BEFORE),
    ("via3_project.json", '{"2": "0"}', '{"2": ""}', ":13: metadata.1_aaaaaaaa", "has no text"),
    ("via3_project.json", '["2"]', '["2", "1"]', ":18: view.2", "a view of 2 files"),
    ("via3_project.json", '"vid": "2"', '"vid": "7"', ":17: metadata.2_eeeeeeee", "no view '7'"),
    ("via3_project.json", '["2"]', '["9"]', ":9: file.9", "an object {...} is expected here"),
    ("via3_export.csv", "[6.5,8.125]", "[8.5,8.125]", "via3_export.csv:10", BEFORE),
    ("via3_export.csv", '"[2.0]"', '"[2.0"', "via3_export.csv:9 (temporal_coordinates)", "not JSON"),
    ("via3_export.csv", ",temporal_coordinates", ",temporal_segment_start", "via3_export.csv:8", "no column"),
    ("via3_export.csv", '["k', '[""a"",""k', "via3_export.csv:9", "several files"),
    ("label_studio.json", '"start": 1,', '"start": 0,', RANGE, "from 1 on"),
    ("label_studio.json", '"start": 1,', '"start": 1.5,', RANGE, "whole number"),
    ("label_studio.json", '"start": 1,', '"start": 26,', RANGE, BEFORE),
    ("label_studio.json", '"end": 25', '"end": null', RANGE, NAN),
    ("label_studio.json", '"fps": 50', '"fps": 0', ":9: [1].data.fps", "positive number"),
    ("label_studio.json", '"ranges": [{"start": 1', '"rages": [{"start": 1', RANGE, "a list [...]"),
    ("elan.eaf", 'TIME_VALUE="4250"', 'TIME_VALUE="425"', "elan.eaf:16", BEFORE),
    ("elan.eaf", 'TIME_VALUE="4250"', 'TIME_VALUE="NaN"', "elan.eaf:12", NAN),
    ("elan.eaf", 'TIME_VALUE="1500"', 'TIME_VALUE="-1"', "elan.eaf:16", LESS),
    ("elan.eaf", 'TIME_SLOT_ID="ts5" TIME_VALUE="4250"', 'TIME_SLOT_ID="ts5"', "elan.eaf:16", "has no time"),
    ("elan.eaf", 'TIME_SLOT_ID="ts5"', 'TIME_SLOT_ID="ts9"', "elan.eaf:16", "no time slot 'ts5'"),
    ("elan.eaf", "kitchen.mp4", "%00.mp4", "elan.eaf:4", "U+0000"),
    ("elan.eaf", "milliseconds", "PAL-frames", "elan.eaf:3", "PAL-frames"),
    ("elan.eaf", "</TIER>\n    <TIER LING", "</TEAR>\n    <TIER LING", "elan.eaf:20", "mismatched tag"),
    ("elan.eaf", "<ANNOTATION_DOCUMENT", HTML + "<ANNOTATION_DOCUMENT", "elan.eaf:2", "not accepted"),
    ("elan.eaf", "<ANNOTATION_DOCUMENT", FILE + "<ANNOTATION_DOCUMENT", "elan.eaf:2", "not accepted"),
    ("elan.eaf", "pour &amp; stir", "&a;", "elan.eaf:17", "undefined entity"),
    ("elan.eaf", 'encoding="UTF-8"', 'encoding="x-klingon"', "elan.eaf:1", "unknown encoding"),
    ("boris.tsv", "\t1.500\t", "\t9.500\t", "boris.tsv:5", BEFORE),
    ("boris.tsv", "\t2.250\t", "\tnan\t", "boris.tsv:4", NAN),
    ("boris.tsv", "\t2.250\t", "\t-1\t", "boris.tsv:4", LESS),
    ("boris.tsv", "POINT", "PAINT", "boris.tsv:4", "'PAINT'"),
    ("boris.tsv", "STOP\t4.250", "POINT\t4.250", "boris.tsv:2", "START of 'stir' without a STOP"),
    ("boris.tsv", "STOP\t4.250", "START\t4.250", "boris.tsv:5", "second START"),
    ("boris.tsv", "START\t1.500", "POINT\t1.500", "boris.tsv:5", "STOP without a START"),
    (
        "boris.tsv",
        "\t/home/ada/kitchen.mp4\t56",
        "\t/home/ada/b.mp4\t56",
        "boris.tsv:4",
        "several media files",
    ),
    ("boris.tsv", "2.250\t/home", "2.250\t\t\t\t/home", "boris.tsv:4", "columns where 19"),
    ("boris.tsv", "\tlook", "\t" + "x" * 200_000, "boris.tsv:4", "field larger than"),
    ("seconds.csv", "pour", "x" * 200_000, "seconds.csv:2", "field larger than"),
    ("via3_export.csv", "[6.5]", "[" + "6" * 200_000 + "]", "via3_export.csv:11", "field larger than"),
    ("soccernet.json", '"12340"', '"-1"', ":2: annotations[0]", LESS),
    ("soccernet.json", '"12340"', '"NaN"', ":2: annotations[0]", NAN),
    ("soccernet.json", '"1 - 00:12"', '"00:12"', ":2: annotations[0]", 'like "1 - 12:34"'),
    ("soccernet.json", '"Goal"', "null", ":2: annotations[0]", "label must be text"),
    ("fiftyone.json", "[1.5, 4.25]", "[4.5, 4.25]", ":3: labels.kitchen[1]", BEFORE),
    ("fiftyone.json", "[1.5, 4.25]", "[1.5]", ":3: labels.kitchen[1].timestamps", "[start, end]"),
    ("fiftyone.json", "[1, 25]", "[0, 25]", ":2: labels.kitchen[0]", LESS),
    ("fiftyone.json", '"label": 1', '"label": 2', ":2: labels.kitchen[0]", "list of 2 classes"),
    ("fiftyone.json", "0.5", "NaN", ":2: labels.kitchen[0]", NAN),
    ("audacity.txt", "6.100000", "3.100000", "audacity.txt:3", BEFORE),
    ("audacity.txt", "6.100000", "nan", "audacity.txt:3", NAN),
    ("audacity.txt", "3.400000", "-3.400000", "audacity.txt:3", LESS),
    ("audacity.txt", "3.400000\t6.100000\tstir", "3.4 6.1 stir", "audacity.txt:3", "tabs between"),
    ("audacity.txt", "\tstir", "", "audacity.txt:3", "label is empty"),
]


def form_of(file: str) -> str:
    return guess_source(Source(SAMPLES / file)).name


def read(path: Path, form: str) -> None:
    reader = FORMATS[form].read
    assert reader is not None
    reader(Source(path, lambda _: 25.0))


def fault(path: Path, form: str) -> str:
    with pytest.raises(DataError) as caught:
        read(path, form)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "words"), SWAPS, ids=[f"{s[0]}-{s[4]}" for s in SWAPS]
)
def test_a_fault_is_told_with_its_place(
    file: str, old: str, new: str, place: str, words: str, tmp_path: Path
) -> None:
    text = (SAMPLES / file).read_bytes().decode()
    assert old in text
    path = tmp_path / file
    path.write_bytes(text.replace(old, new, 1).encode())
    told = fault(path, form_of(file))
    assert told.startswith(str(path)), told
    assert re.search(re.escape(place) + r"(?!\d)", told), told
    assert words in told, told


@pytest.mark.parametrize("file", sorted({swap[0] for swap in SWAPS}))
def test_wrong_encodings_and_no_file_are_told(file: str, tmp_path: Path) -> None:
    form, content = form_of(file), (SAMPLES / file).read_bytes()
    path = tmp_path / file
    assert "cannot be read" in fault(path, form)
    path.write_bytes(content + "\né".encode("latin-1"))
    told = fault(path, form)
    assert told.startswith(str(path))
    if form == "elan":
        assert "not XML" in told
        path.write_text(content.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"'), encoding="utf-16")
        read(path, form)
        assert guess_source(Source(path)).name == "elan"
    else:
        path.write_bytes(content.decode().encode("utf-16"))
        assert "UTF-8" in fault(path, form) or "not JSON text" in fault(path, form)
        with pytest.raises(DataError, match="UTF-8 text"):
            guess_source(Source(path))


@pytest.mark.parametrize("file", sorted({swap[0] for swap in SWAPS}))
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_cut_or_garbled_anywhere_it_is_read_or_refused_in_one_line(
    file: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No other exception than DataError, whatever the bytes; a cut JSON or XML file is never taken for
    whole."""
    content = (SAMPLES / file).read_bytes()
    form = form_of(file)
    at = data.draw(st.integers(0, len(content) - 3))
    garbage = data.draw(
        st.binary(max_size=4) | st.sampled_from([b"null", b"-1", b"1e999", b"{}", b"[]", b'""', b"\0"])
    )
    cut = data.draw(st.booleans())
    path = tmp_path_factory.mktemp("garbled") / file
    path.write_bytes(content[:at] if cut else content[:at] + garbage + content[at + len(garbage) :])
    told = refusals(path, form)
    assert not any("\n" in line for line in told)
    assert "read" in told or not cut or not file.endswith((".json", ".eaf"))


def refusals(path: Path, form: str) -> dict[str, str]:
    """What reading and guessing say against the file; nothing but DataError may come out of them."""
    told = {}
    try:
        read(path, form)
    except DataError as error:
        told["read"] = str(error)
    try:
        guess_source(Source(path))
    except DataError as error:
        told["guess"] = str(error)
    return told


SHAPES: list[Any] = [None, 1, "x", True, [], {}, [None], {"1": []}, 1e999]


def places(value: Any, set_: Callable[[Any], None]) -> list[Callable[[Any], None]]:
    """A setter for every place in parsed JSON."""
    found = [set_]
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            found += places(value[key], lambda new, key=key: value.__setitem__(key, new))
    return found


@pytest.mark.parametrize("file", [f for f in sorted({swap[0] for swap in SWAPS}) if f.endswith(".json")])
def test_json_of_any_other_shape_is_read_or_refused(file: str, tmp_path: Path) -> None:
    text, form, path = (SAMPLES / file).read_text(encoding="utf-8"), form_of(file), tmp_path / file
    count = len(places(json.loads(text), lambda _: None))
    for i in range(1, count):
        for shape in SHAPES:
            payload = json.loads(text)
            places(payload, lambda _: None)[i](shape)
            path.write_text(json.dumps(payload, indent=1), encoding="utf-8")
            for told in refusals(path, form).values():
                assert told.startswith(str(path))
                assert re.match(r":\d+: |: it is in no format known here", told.removeprefix(str(path))), told


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("video_id,timestamp,lable\nv,3.2,jump\n", ":1", "neither a known header nor a click"),
        ("v,1.x,jump\nv,2.5,jump\n", ":1", "neither a known header nor a click"),
        ("foo\n1.0\t2.0\tx\n3\t4\ty\n", ":1", "with tabs between"),
        (
            '{"UrlLocal": "x", "annotations": [{"gameTime": "1 - 0:10", "label": "a"},\n {"label": "b"}]}',
            ":2: annotations[1]",
            "gameTime",
        ),
        ('[{"data": {"video": "v.mp4"}, "annotations": []},\n {"foo": 1}]', ":2: [1]", "names no video"),
        (
            '{"labels": {"v": [{"label": "a", "support": [1, 2]},\n {"label": "b"}]}}',
            ":2: labels.v[1].support",
            "expected here",
        ),
    ],
)
def test_a_fault_in_what_the_format_is_told_by_has_its_line(
    text: str, place: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    source = Source(file, lambda _: 25.0)
    form = guess_source(source)
    assert form.read is not None
    with pytest.raises(DataError, match=re.escape(words)) as fault:
        form.read(source)
    assert str(fault.value.where) == f"{file}{place}"


def test_a_bomb_and_a_file_entity_are_refused_before_they_act(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret")
    bomb = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    for declared in (f'<!ENTITY l0 "lol">{bomb}', f'<!ENTITY l11 SYSTEM "{secret.as_uri()}">'):
        path = tmp_path / "x.eaf"
        value = "<ANNOTATION_VALUE>&l11;</ANNOTATION_VALUE>"
        path.write_text(f"<!DOCTYPE d [{declared}]><ANNOTATION_DOCUMENT>{value}</ANNOTATION_DOCUMENT>")
        assert "a document type declaration is not accepted" in fault(path, "elan")
        assert "secret" not in fault(path, "elan").replace(str(tmp_path), "")


@pytest.mark.parametrize(
    "text", ["", "\n \n", "hello\n", "a,b,c\n", "1;2;3\n", "<html></html>", '{"x": 1}', "[]", "[1]", "null"]
)
def test_what_is_in_no_format_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"x\.csv: (it is in no format known here|the file is empty)"):
        guess_source(Source(path))
