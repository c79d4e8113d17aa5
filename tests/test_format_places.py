"""Lines of values in JSON files: every one is found, whatever the layout, and none is looked for in vain."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.errors import DataError
from hrpro.data.formats.activitynet import parse_detections, read_detections
from hrpro.data.formats.jsonfile import read_json
from hrpro.data.formats.jsonplace import Place, first_twin, line_of

Keys = tuple[str | int, ...]
MISSING = "no key is that long"

# Objects are lists of pairs in an ("object", pairs) tuple, so that a key can be there twice.
words = st.text(max_size=4) | st.sampled_from(
    ['"', "\\", "{", "}", "[", "]", ",", ":", "\n", "\u2028", "\x85", "é"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(st.just("object"), st.lists(st.tuples(words, inner), max_size=4))
    ),
    max_leaves=20,
)


class Dump:
    """A tree as JSON with random blanks between all tokens, and on which line each value was put."""

    def __init__(self, tree: Any, dice: random.Random) -> None:
        self.text, self.dice = "", dice
        self.lines: dict[Keys, int] = {}
        self.twins: list[tuple[str, int]] = []
        self.blanks()
        self.value(tree, ())
        self.blanks()

    def blanks(self) -> None:
        self.text += "".join(self.dice.choices(" \t\r\n\n", k=self.dice.choice([0, 0, 1, 3])))

    def value(self, tree: Any, keys: Keys) -> None:
        for known in [known for known in self.lines if known[: len(keys)] == keys]:
            del self.lines[known]  # the last of two equal keys is the one that counts
        self.lines[keys] = self.text.count("\n") + 1
        if isinstance(tree, list):
            self.entries("[]", [(None, i, value) for i, value in enumerate(tree)], keys)
        elif isinstance(tree, tuple):
            self.entries("{}", [(key, key, value) for key, value in tree[1]], keys)
        else:
            self.text += json.dumps(tree, ensure_ascii=self.dice.random() < 0.5)

    def entries(self, brackets: str, rows: list[tuple[str | None, str | int, Any]], keys: Keys) -> None:
        self.text += brackets[0]
        self.blanks()
        for i, (name, key, value) in enumerate(rows):
            if name is not None:
                self.text += json.dumps(name, ensure_ascii=self.dice.random() < 0.5)
                self.blanks()
                self.text += ":"
                self.blanks()
                if name in [before for before, _, _ in rows[:i]]:
                    self.twins.append((name, self.text.count("\n") + 1))
            self.value(value, (*keys, key))
            self.blanks()
            if i < len(rows) - 1:
                self.text += ","
                self.blanks()
        self.text += brackets[1]


dumps = st.builds(Dump, trees, st.randoms(use_true_random=False))


@given(dumps)
def test_the_line_of_every_value_is_that_on_which_it_begins(dump: Dump) -> None:
    json.loads(dump.text)
    assert {keys: line_of(dump.text, keys) for keys in dump.lines} == dump.lines


@given(dumps, st.lists(st.just(MISSING) | st.integers(5, 9), min_size=1, max_size=2))
def test_what_is_missing_is_told_where_it_should_be(dump: Dump, way: list[str | int]) -> None:
    assert {keys: line_of(dump.text, (*keys, *way)) for keys in dump.lines} == dump.lines


@given(trees, words, trees, trees, st.randoms(use_true_random=False))
def test_a_key_that_is_there_twice_is_told_with_its_second_line(
    before: Any, key: str, first: Any, second: Any, dice: random.Random
) -> None:
    dump = Dump([before, ("object", [(key, first), ("between", 0), (key, second)])], dice)
    assert first_twin(dump.text) == dump.twins[0]


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_breaks_and_byte_order_marks_of_all_systems(break_: str, mark: str, tmp_path: Path) -> None:
    path, rows = tmp_path / "x.json", ["{", '"a": {}, "é":', "[1,", "", "2]}"]
    path.write_bytes((mark + break_.join(rows)).encode())
    assert str(Place(path).at("é", 1)) == f"{path}:5: é[1]"
    path.write_bytes((mark + break_.join(['{"a": 1,', '"b": [{"c": 1,', '"c": 2}], oops'])).encode())
    with pytest.raises(DataError, match=r"x\.json:3: the key 'c' appears twice in one object \(merge"):
        read_json(path)
    path.write_bytes(b'{"a":\n"caf\xe9"}')
    with pytest.raises(DataError, match=r"x\.json:2: not UTF-8 text \(save it as UTF-8\)"):
        read_json(path)


def test_a_place_says_file_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('\n{"a.b": [\n0, {"c":\n1}]}')
    told = {str(Place(path)), str(Place(path).at("a.b", 1)), str(Place(path, ("a.b",)).at(1, "c", "d"))}
    assert told == {f"{path}:2", f"{path}:3: a.b[1]", f"{path}:4: a.b[1].c.d"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"a"', b'{"a": [', b"{'a': 1}", b'{"a": \xff}', b"[" * 100_000]
)
def test_a_file_that_has_changed_since_gives_no_line_and_no_second_fault(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert str(Place(path).at("a", 0)).replace(f"{path}:1", f"{path}") == f"{path}: a[0]"
    path.unlink()
    assert str(Place(path).at("a", 0)) == f"{path}: a[0]"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)  # opening it would wait for a writer for ever
    assert str(Place(pipe).at("a")) == f"{pipe}: a"


def test_detections_are_told_with_a_line_only_where_they_are_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"label": "x", "score": 1, "segment": [2, 1]}
    payload = {"results": {"v": [{**row, "segment": [1, 2]}, row]}}
    path = tmp_path / "detections"
    path.write_text(json.dumps(payload, indent=0))
    with pytest.raises(DataError, match=r"detections:12: results\.v\[1\]: the segment ends"):
        read_detections(path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^detections: results\.v\[1\]: the segment ends"):
        parse_detections(payload)
