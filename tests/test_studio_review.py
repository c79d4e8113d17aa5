"""Predictions as people review them: how uncertain, which are shown, in which order; files there and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpro.core.annotations import Detection, Detections
from hrpro.core.timeline import Timeline
from hrpro.data.formats.activitynet import read_detections, write_detections
from hrpro.localizer import HRPro
from hrpro.studio.export import _once
from hrpro.studio.naming import prediction_id
from hrpro.studio.predictions import (
    Curves,
    found_path,
    predict_into,
    read_curves,
    read_predicted,
    surest,
    thinned,
)
from hrpro.studio.review import DOUBTFUL, counts_of, worklist
from hrpro.studio.review_api import _today
from hrpro.studio.runs_of import Run, class_ids, names_of
from hrpro.studio.store import Store
from hrpro.studio.uncertainty import DOUBTS, Scored, chance, doubts, uncertainty, worth_showing
from tiny_sets import TIMELINE, tiny_config, usual

SHARP = np.zeros((20, 2))
SHARP[5:10, 0] = 1.0
SOFT = np.stack([np.concatenate([np.linspace(0, 1, 10), np.linspace(1, 0, 10)]), np.zeros(20)], axis=1)


def scored(*rows: tuple[float, float, int, float]) -> Scored:
    segments = np.array([row[:2] for row in rows], np.float64).reshape(-1, 2)
    labels = np.array([row[2] for row in rows], np.int64)
    return Scored(segments, labels, np.array([row[3] for row in rows], np.float64))


def doubt(
    name: str, found: Scored, activation_tc: np.ndarray, members: list[np.ndarray] | None = None
) -> float:
    return float(doubts(found, activation_tc, members or [], 0.5, 1.0)[0, DOUBTS.index(name)])


def test_the_score_is_most_doubtful_at_the_threshold_and_less_to_both_sides() -> None:
    values = [doubt("score", scored((5, 10, 0, s)), SHARP) for s in (0.0, 0.3, 0.5, 0.7, 1.0)]
    assert values[2] == pytest.approx(1.0)
    assert values[0] < values[1] < values[2] > values[3] > values[4]
    assert chance(np.array([0.5, 1.0]), 0.5, 1.0) == pytest.approx([0.5, 1 / (1 + np.exp(-4))])


def test_a_class_is_doubtful_as_far_as_another_one_is_as_strong() -> None:
    assert doubt("class", scored((5, 10, 0, 0.9)), SHARP) == 0
    both = SHARP.copy()
    both[5:10, 1] = 0.5
    assert doubt("class", scored((5, 10, 0, 0.9)), both) == pytest.approx(0.5)
    assert doubt("class", scored((5, 10, 1, 0.9)), both) == 1
    assert doubt("class", scored((5, 10, 0, 0.9)), SHARP[:, :1]) == 0, "there is one class alone"


def test_boundaries_are_doubtful_where_the_activation_falls_slowly() -> None:
    assert doubt("boundaries", scored((5, 10, 0, 0.9)), SHARP) == 0
    assert doubt("boundaries", scored((5, 15, 0, 0.9)), SOFT) > 0.4
    flat = np.ones((20, 2))
    assert doubt("boundaries", scored((5, 10, 0, 0.9)), flat) == 1
    assert doubt("boundaries", scored((0, 20, 0, 0.9)), flat) == 0, "it begins and ends with the recording"


def test_networks_that_disagree_raise_the_doubt_and_one_alone_has_none() -> None:
    found = scored((5, 10, 0, 0.9))
    assert doubt("networks", found, SHARP, [SHARP]) == 0
    assert doubt("networks", found, SHARP, [SHARP, SHARP]) == 0
    assert doubt("networks", found, SHARP, [SHARP, np.zeros((20, 2))]) == 1


@given(st.data())
def test_every_doubt_and_the_uncertainty_lie_between_0_and_1(data: st.DataObject) -> None:
    length, classes, n = (data.draw(st.integers(1, most)) for most in (9, 3, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    activation_tc = rng.uniform(0, 1, (length, classes)) * rng.integers(0, 2, (length, classes))
    ends = np.sort(rng.uniform(0, length, (n, 2)), axis=1)
    found = Scored(ends, rng.integers(0, classes, n), rng.uniform(-2, 2, n))
    members = [rng.uniform(0, 1, (length, classes)) for _ in range(data.draw(st.integers(0, 3)))]
    least = data.draw(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 3.0]))
    doubts_nd = doubts(found, activation_tc, members, least, 1.25)
    assert np.isfinite(doubts_nd).all()
    assert ((doubts_nd >= 0) & (doubts_nd <= 1)).all()
    total_n = uncertainty(doubts_nd)
    assert (total_n >= doubts_nd.max(1) - 1e-12).all()
    assert (total_n <= 1).all()
    shown = worth_showing(found, least, 1.25)
    assert set(np.flatnonzero(found.scores >= least)) <= set(shown.tolist())


def test_below_the_threshold_only_what_may_have_been_missed_is_shown() -> None:
    found = scored(
        (0, 5, 0, 0.9),  # certain
        (4, 9, 0, 0.45),  # near, but what is there is found already
        (4, 9, 1, 0.45),  # near, and another class
        (10, 15, 0, 0.45),  # near, and nothing is there
        (15, 20, 0, 0.0),  # far
        (10, 12, 0, 0.44),  # near, but the better one is there
    )
    assert worth_showing(found, 0.5, 1.0).tolist() == [0, 2, 3]
    assert worth_showing(found, 0.5, 1.0, most=1).tolist() == [0]
    assert worth_showing(scored(), 0.5, 1.0).tolist() == []


def test_the_surest_moment_lies_in_the_segment() -> None:
    curve = np.array([0.1, 0.9, 0.5, 0.2, 0.8])
    grid = Timeline(2.0)
    assert surest(curve, grid, np.array([0.0, 10.0])) == 3.0
    assert surest(curve, grid, np.array([4.0, 10.0])) == 9.0
    assert surest(curve, grid, np.array([2.2, 2.6])) == pytest.approx(2.4), "shorter than a snippet"
    assert surest(curve, grid, np.array([0.0, 2.0])) == 1.0, "the end belongs to the next cell"


def test_long_curves_are_thinned_to_means_on_a_wider_grid() -> None:
    attention_t = (np.arange(10) / 10).astype(np.float32)
    curves = Curves(("jump",), Timeline(0.5, 1.0, 0.25), attention_t, attention_t[:, None])
    whole = thinned(curves)
    assert (whole["stride"], whole["offset"], whole["window"]) == (0.5, 0.25, 1.0)
    assert whole["attention"] == pytest.approx(attention_t)
    thin = thinned(curves, most=4)
    assert thin["stride"] == 1.5
    assert thin["attention"] == [0.1, 0.4, 0.7, 0.9]
    assert thin["activation"] == [thin["attention"]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HRPro:
    config = tiny_config(snippet={"members": 2, "steps": 30})
    return HRPro(config).fit(usual(tmp_path_factory.mktemp("tiny")))


def test_predictions_come_back_from_their_files(tmp_path: Path, model: HRPro) -> None:
    features_td = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    video = "sub/a b"
    predict_into(tmp_path, video, model, features_td, TIMELINE, 18.7, "stamp")
    stored = read_detections(found_path(tmp_path, video))[video]
    whole = model.predict(features_td, TIMELINE)
    inside = np.clip(whole.segments, 0, 18.7)
    kept = inside[:, 1] > inside[:, 0]
    np.testing.assert_allclose(stored.segments, inside[kept], atol=1e-6)
    found = read_predicted(tmp_path, video)
    assert found is not None
    assert (found.stamp, found.min_score) == ("stamp", model.min_score)
    assert found.shown
    assert len({one.id for one in found.shown}) == len(found.shown)
    for one in found.shown:
        assert 0 <= one.start <= one.moment <= one.end <= 18.7
        assert 0 <= one.uncertainty <= 1
    curves = read_curves(tmp_path, video)
    assert curves is not None
    assert model.snippet is not None
    np.testing.assert_array_equal(curves.activation_tc, model.snippet.scores(features_td).activation_tc)
    assert curves.timeline == TIMELINE


@pytest.mark.parametrize(
    "content", ["", "[]", '{"results": {}}', '{"results": {"v": []}, "external_data": {}}']
)
def test_damaged_files_hold_no_predictions(tmp_path: Path, content: str) -> None:
    for folder, name in (("predictions", "v.json"), ("activations", "v.safetensors")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)
    assert read_predicted(tmp_path, "v") is None
    assert read_curves(tmp_path, "v") is None
    assert read_predicted(tmp_path, "w") is None


def test_ids_are_the_same_for_the_same_and_others_for_others() -> None:
    ids = [prediction_id(run, video, rank) for run in "12" for video in ("a", "é/" * 300) for rank in (0, 1)]
    assert len(set(ids)) == len(ids)
    assert ids == [
        prediction_id(run, video, rank) for run in "12" for video in ("a", "é/" * 300) for rank in (0, 1)
    ]
    assert all(len(id) < 64 and id.isascii() for id in ids)


def test_the_worklist_is_sorted_and_leaves_out_what_was_judged(tmp_path: Path, model: HRPro) -> None:
    rng = np.random.default_rng(2)
    run = Run("1", tmp_path / "run", {"jump": "id-jump", "run": "gone"}, 1.0)
    for video in ("v", "w"):
        features_td = rng.normal(size=(60, 6)).astype(np.float32)
        predict_into(run.folder, video, model, features_td, TIMELINE, 30.0, "")
    store = Store(tmp_path / "studio.db", lambda: {"v": 30.0, "w": None})
    store.apply(
        "me", "r1", [{"op": "add_class", "id": "id-jump", "name": "leap", "color": "#112233", "key": None}]
    )
    with store.view() as view:
        items = worklist(run, ["v", "w", "never"], view)
        assert len(items) > 3
        counts = counts_of(run, ["v", "w", "never"], view)
        assert sum(all for all, _ in counts.values()) == len(items)
        assert counts["never"] == (0, 0)
        assert [one["uncertainty"] for one in items] == sorted(
            (one["uncertainty"] for one in items), reverse=True
        )
        assert {one["label"]: one["class"] for one in items} == {"jump": "id-jump", "run": None}
        by_score = worklist(run, ["v", "w"], view, sort="score")
        assert [one["score"] for one in by_score] == sorted((one["score"] for one in items), reverse=True)
        by_time = worklist(run, ["w", "v"], view, sort="time")
        assert [(one["video"], one["start"]) for one in by_time] == sorted(
            (one["video"], one["start"]) for one in items
        )
        by_class = worklist(run, ["v", "w"], view, sort="class")
        assert [one["label"] for one in by_class] == sorted(one["label"] for one in items)
        jumps = worklist(run, ["v", "w"], view, wanted_class="id-jump")
        assert {one["label"] for one in jumps} == {"jump"}
    first = items[0]
    judge = {
        "op": "judge",
        "id": first["id"],
        "video": first["video"],
        "run": "1",
        "verdict": "accepted",
        "version": 0,
    }
    store.apply("me", "r2", [judge])
    with store.view() as view:
        assert [one["id"] for one in worklist(run, ["v", "w"], view)] == [one["id"] for one in items[1:]]
        every = worklist(run, ["v", "w"], view, open_only=False)
        assert {one["id"]: one["verdict"] for one in every}[first["id"]] == "accepted"
        assert sum(judged for _, judged in counts_of(run, ["v", "w"], view).values()) == 1
        again = Run("2", tmp_path / "another", run.classes, 2.0)
        assert counts_of(again, ["v"], view) == {"v": (0, 0)}, "what was said of another run's is not counted"
    store.close()


def test_what_was_verified_before_is_not_asked_again(tmp_path: Path) -> None:
    """A second run finds an action that people have verified: in the first, or drawn by hand."""
    run = Run("2", tmp_path / "run", {"jump": "k", "run": "l"}, 1.0)
    segments = np.array([[0, 4], [10, 14], [20, 24], [30, 34], [40, 44]], np.float64)
    columns = Detections(segments, np.array([0, 0, 0, 1, 0]), np.full(5, 0.9), ("jump", "run"))
    about = {"run": "2", "stamp": "", "min_score": 0.4, "doubtful": 0.5, "shown": [0, 1, 2, 3, 4]}
    about |= {"uncertainty": [0.5] * 5, "moments": [2, 12, 22, 32, 42]}
    write_detections(found_path(run.folder, "v"), {"v": columns}, external_data=about)
    store = Store(tmp_path / "studio.db", lambda: {"v": 60.0})
    classes = (("k", "jump"), ("l", "run"))
    ops: list[dict[str, Any]] = [
        {"op": "add_class", "id": id, "name": name, "color": "#112233", "key": None} for id, name in classes
    ]
    verified = (
        (1, 4, prediction_id("1", "v", 7)),  # 0 to 4: of an earlier run
        (10, 13, None),  # 10 to 14: by hand
        (20, 21.9, None),  # 20 to 24: not half of it
        (30, 34, None),  # 30 to 34: of another class
        (40, 44, prediction_id("2", "v", 3)),  # 40 to 44: of this very run, where verdicts are on predictions
    )
    for n, (start, end, prediction) in enumerate(verified):
        op = {"op": "add_segment", "id": f"s{n}", "video": "v", "start": start, "end": end, "class": "k"}
        ops.append({**op, "origin": "accepted" if prediction else "drawn", "prediction": prediction})
    store.apply("me", "r", ops)
    with store.view() as view:
        every = worklist(run, ["v"], view, sort="time", open_only=False)
        assert [one["verdict"] for one in every] == ["accepted", "accepted", None, None, None]
        assert [one["start"] for one in worklist(run, ["v"], view, sort="time")] == [20, 30, 40]
        assert counts_of(run, ["v"], view) == {"v": (5, 2)}
    store.close()


def test_what_was_found_as_two_classes_that_are_one_today_comes_out_once() -> None:
    found = [
        Detection(0, 4, "leap", 0.9),
        Detection(0.5, 4, "leap", 0.8),
        Detection(0.5, 4, "run", 0.7),
        Detection(3.9, 8, "leap", 0.6),
    ]
    assert _once(found) == [found[0], found[2], found[3]]
    told = {"classes": ["jump", "run", "leap"], "activation": [[0.1, 0.9], [0.5, 0.5], [0.7, 0.2]]}
    assert _today(told, {"jump": "leap", "leap": "leap"}) == {
        "classes": ["leap", "run"],
        "activation": [[0.7, 0.9], [0.5, 0.5]],
    }


def test_a_class_renamed_after_the_run_is_called_by_its_new_name() -> None:
    run = Run("1", Path("run"), {"jump": "a", "run": "b", "old": "gone", "elsewhere": ""}, 1.0)
    classes = [{"id": "a", "name": "run"}, {"id": "b", "name": "jump"}, {"id": "c", "name": "elsewhere"}]
    assert class_ids(run, classes) == {"jump": "a", "run": "b", "old": None, "elsewhere": "c"}
    assert names_of(run, classes) == {"jump": "run", "run": "jump", "elsewhere": "elsewhere"}


def test_what_lies_far_below_the_threshold_is_listed_on_request_or_once_judged(tmp_path: Path) -> None:
    run = Run("1", tmp_path / "run", {"jump": "id-jump"}, 1.0)
    scores = np.array([0.9, 0.4, 0.39 * DOUBTFUL, 0.01])
    starts = np.arange(4) * 2.0
    segments = np.stack([starts, starts + 1], 1).astype(np.float64)
    columns = Detections(segments, np.zeros(4, np.int64), scores, ("jump",))
    about = {"run": "1", "stamp": "", "min_score": 0.4, "doubtful": 0.5, "shown": [0, 1, 2, 3]}
    about |= {"uncertainty": [0.1, 1.0, 0.9, 0.8], "moments": [0.5, 2.5, 4.5, 6.5]}
    write_detections(found_path(run.folder, "v"), {"v": columns}, external_data=about)
    store = Store(tmp_path / "studio.db", lambda: {"v": 30.0})

    def starts_of(**how: Any) -> list[float]:
        with store.view() as view:
            return [one["start"] for one in worklist(run, ["v"], view, sort="time", **how)]

    assert starts_of() == [0.0, 2.0]
    assert starts_of(every=True) == [0.0, 2.0, 4.0, 6.0]
    id = prediction_id("1", "v", 3)
    said = {"op": "judge", "id": id, "video": "v", "run": "1", "verdict": "accepted", "version": 0}
    store.apply("me", "r", [said])
    assert starts_of(open_only=False) == [0.0, 2.0, 6.0]
    with store.view() as view:
        assert counts_of(run, ["v"], view) == {"v": (3, 1)}
    store.close()
