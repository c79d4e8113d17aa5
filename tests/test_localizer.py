"""HRPro as people use it: fit and predict on arrays; and every way in which these can go wrong."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data_folders import field_layout, save_features
from hrpro.config import Config
from hrpro.core.annotations import Click
from hrpro.core.errors import ConfigError, DataError, NonFiniteError, RunError
from hrpro.core.timeline import Timeline
from hrpro.data.features import FeatureFile
from hrpro.data.folder import Recording, open_dataset
from hrpro.data.inspect import inspect_dataset
from hrpro.data.synthetic import make_dataset
from hrpro.instance.stage import InstanceStage
from hrpro.localizer import HRPro
from hrpro.proposals.config import GenerateConfig
from hrpro.proposals.generate import Proposals
from hrpro.runs import predict_recordings
from hrpro.snippet.stage import SnippetStage
from hrpro.views import StageOneViews
from tiny_sets import STRIDE, by_hand, columns, tiny_config, usual

pytest_plugins = ["trained_fixtures"]


NO_CANDIDATES = GenerateConfig(class_thresholds=(0.9999,))


def test_fit_gives_the_same_bits_each_time_with_and_without_a_run_folder(folder, features, model, tmp_path):
    training_set = usual(tmp_path)
    again = HRPro(tiny_config()).fit(training_set, run_dir=tmp_path / "run")
    assert columns(again.predict(features)) == columns(model.predict(features))
    other = HRPro(tiny_config().with_seed(1)).fit(training_set)
    assert columns(other.predict(features)) != columns(model.predict(features))


def test_the_caller_s_chance_is_left_alone(tmp_path):
    before = torch.get_rng_state(), np.random.get_state(legacy=False), random.getstate()
    model = HRPro(tiny_config()).fit(usual(tmp_path))
    model.predict(np.load(tmp_path / "a.npy"))
    model.save(tmp_path / "model")
    HRPro.load(tmp_path / "model")
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), before[1])
    assert random.getstate() == before[2]


@pytest.mark.filterwarnings("error")
def test_any_float_type_and_layout_predicts_alike(model, features):
    expected = columns(model.predict(features))
    frozen = features.copy()
    frozen.setflags(write=False)
    wide = np.zeros((40, 12))
    wide[:, ::2] = features
    for same in (
        features.astype(np.float64),
        np.asfortranarray(features),
        frozen,
        wide[:, ::2],
        features.tolist(),
    ):
        assert columns(model.predict(same)) == expected
    half = features.astype(np.float16)
    assert columns(model.predict(half)) == columns(model.predict(half.astype(np.float32)))
    assert (frozen == features).all()


def test_a_five_minute_recording_in_one_call(model):
    """25 snippets a second: 7,500 of them."""
    features = np.asfortranarray(np.random.default_rng(0).normal(size=(7500, 6)).astype(np.float16))
    found = model.predict(features, Timeline.from_frames(fps=25, stride=1))
    assert len(found) > 100
    assert found.segments.max() <= 300.001
    assert found.segments.max() > 200


def test_the_timeline_decides_the_seconds(model, features):
    own = model.predict(features)
    moved = model.predict(features, Timeline(2.0, offset=-3.0))
    np.testing.assert_allclose(moved.segments, own.segments / STRIDE * 2 - 3, atol=1e-9)
    np.testing.assert_array_equal(moved.scores, own.scores)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        (np.zeros((5, 7)), DataError, r"must be \[T, 6\] as in training, not \[5, 7\]"),
        (np.zeros((0, 6)), DataError, r"not \[0, 6\]"),
        (np.zeros(6), DataError, r"not \[6\]"),
        (np.zeros((1, 5, 6)), DataError, r"not \[1, 5, 6\]"),
        ([["a"] * 6], DataError, "numbers"),
        ([[1.0] * 6, [2.0]], DataError, "numbers"),
        (np.where(np.eye(6) > 0, np.nan, 1.0), NonFiniteError, r"\[0, 0\]"),
        (np.where(np.arange(12).reshape(2, 6) == 9, -np.inf, 1.0), NonFiniteError, r"\[1, 3\]"),
        (np.full((2, 6), 1e300), NonFiniteError, "NaN or infinite"),
        (np.full((2, 6), 3.3e38), NonFiniteError, "overflow"),
    ],
    ids=lambda value: None,
)
def test_features_that_cannot_be_used_are_refused(model, bad, error, words):
    with pytest.raises(error, match=words) as caught:
        model.predict(bad)
    assert "\n" not in str(caught.value)


def test_without_candidates_nothing_is_detected(model, features):
    model.config = replace(model.config, proposals=NO_CANDIDATES)
    found = model.predict(features)
    assert len(found) == 0
    assert found.segments.shape == (0, 2)
    assert found.classes == ("jump", "run")


def test_the_limit_keeps_the_best(model, features):
    whole = model.predict(features)
    model.config = replace(model.config, suppress=replace(model.config.suppress, limit=3))
    np.testing.assert_array_equal(model.predict(features).scores, whole.scores[:3])


def test_what_scores_below_the_floor_is_dropped(model, features):
    whole = model.predict(features)
    floor = float(np.median(whole.scores))
    model.config = replace(model.config, suppress=replace(model.config.suppress, floor=floor))
    np.testing.assert_array_equal(model.predict(features).scores, whole.scores[whole.scores >= floor])


def test_only_classes_that_reach_the_video_threshold_are_looked_for(model, features):
    best_c = model.snippet.scores(features).activation_tc.max(0)
    for threshold, expected in (
        (0.0, {0, 1}),
        (float(best_c.mean()), {best_c.argmax()}),
        (1.0, {best_c.argmax()}),
    ):
        proposals = replace(model.config.proposals, video_threshold=threshold)
        model.config = replace(model.config, proposals=proposals)
        assert set(model.predict(features).labels.tolist()) == expected


def test_both_parts_of_inference_are_joined(model, features):
    """Score-refined and boundary-refined candidates, each with OIC + its completeness as both tell it."""
    model.config = replace(
        model.config, suppress=replace(model.config.suppress, sigma=1e9, floor=-np.inf)
    )  # no suppression
    found = model.predict(features)
    scores = model.snippet.scores(features)
    proposals = model.candidates(scores)
    refined = model.instance.refine(np.concatenate([features, scores.embedded_td], 1), proposals)
    weight = model.config.instance.completeness_weight
    like = model.config.instance.exemplar_weight
    for segments, completeness, likeness in (
        (proposals.segments, refined.completeness, refined.likeness),
        (refined.segments, refined.refined_completeness, refined.refined_likeness),
    ):
        assert (completeness > 0).all()
        assert (likeness > 0).any()
        expected = proposals.oic + weight * completeness + like * likeness
        for segment, label, score in zip(segments * STRIDE, proposals.labels, expected, strict=True):
            same = (np.abs(found.segments - segment).max(1) < 1e-9) & (found.labels == label)
            assert np.abs(found.scores[same] - score).min() < 1e-6
    assert len(found) == 2 * len(proposals)


def test_stage_two_takes_candidates_from_elsewhere(model, features, tmp_path):
    """Trained on the views of a stage 1, and on none: each stage is usable alone."""
    snippet = SnippetStage.fit(usual(tmp_path), tiny_config().snippet)
    config = tiny_config(instance={"source": "raw"})
    views = StageOneViews(snippet, usual(tmp_path), config)
    instance = InstanceStage.fit(snippet.classes, views, config.instance)
    n = 3
    given = Proposals(
        np.array([[0.0, 4.0], [3.3, 9.1], [30.0, 40.0]]),
        np.array([0, 1, 1]),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.int64),
    )
    refined = instance.refine(features, given)
    assert refined.segments.shape == (3, 2)
    assert ((refined.completeness > 0) & (refined.completeness < 1)).all()


@pytest.mark.parametrize("source", ["raw", "embedded", "both"])
def test_views_are_the_same_from_memory_and_computed_anew(source, tmp_path, monkeypatch):
    training_set = usual(tmp_path)
    config = tiny_config(instance={"source": source})
    snippet = SnippetStage.fit(training_set, config.snippet)
    kept = StageOneViews(snippet, training_set, config)
    monkeypatch.setattr("hrpro.views.CACHE_BYTES", 31 * 6 * 4)
    anew = StageOneViews(snippet, training_set, config)
    width = {"raw": 6, "embedded": 8, "both": 14}[source]
    for index, length in enumerate((40, 25, 31)):
        assert kept.features(index).shape == (length, width)
        np.testing.assert_array_equal(kept.features(index), anew.features(index))
    assert len(kept.pools) == 3
    assert kept.names == ["a", "b", "c"]


def test_edges_train_through_both_stages(tmp_path):
    made = {
        "none": (22, []),
        "one": (1, [(0, "run")]),
        "empty": (1, []),
        "twice": (20, [(7, "jump"), (7, "jump"), (7, "run")]),
        "usual": (40, [(6, "jump"), (20, "run")]),
    }
    model = HRPro(tiny_config()).fit(by_hand(tmp_path, made, classes=("jump", "never", "run")))
    for id in made:
        found = model.predict(np.load(tmp_path / f"{id}.npy"))
        assert np.isfinite(found.scores).all()


def test_learns_a_synthetic_set_through_both_stages(tmp_path):
    """A real data set folder, and actions found in recordings nobody clicked."""
    data = make_dataset(tmp_path / "data", train=6, test=2, classes=2, dim=16, minutes=1.0, noise=0.3)
    training_set = open_dataset(data).training_set()
    config = tiny_config(
        snippet={"steps": 60, "batch_size": 6, "lr": 5e-3, "hidden": 16},
        instance={"steps": 60, "batch_size": 6, "lr": 5e-3, "hidden": 16, "jittered": 16},
    )
    model = HRPro(config).fit(training_set)
    from hrpro.data.formats.activitynet import read_ground_truth
    from hrpro.metrics.detection import mean_average_precision
    from hrpro.runs import predict_recordings

    truth = read_ground_truth(data / "gt_full.json").videos
    found = predict_recordings(model, open_dataset(data).recordings("test"))
    assert mean_average_precision({id: truth[id] for id in found}, found, "0.1:0.7").average() > 0.7


def test_a_fit_that_fails_leaves_the_model_as_it_was(model, features, tmp_path):
    before, config = columns(model.predict(features)), model.config
    with pytest.raises(DataError, match="not a single click"):
        model.fit(by_hand(tmp_path, {"x": (9, [])}, classes=("swim",)))
    assert columns(model.predict(features)) == before
    fresh = HRPro(replace(config, proposals=NO_CANDIDATES))
    with pytest.raises(DataError, match="no proposal that holds a click"):
        fresh.fit(usual(tmp_path))
    with pytest.raises(RunError, match="has not been trained"):
        fresh.save(tmp_path / "model")


def test_settings_that_follow_from_the_data_follow_it_at_every_fit(tmp_path, monkeypatch):
    seen = []

    def for_data(training_set):
        seen.append(len(training_set.recordings))
        return tiny_config(snippet={"seed": len(training_set.recordings)})

    monkeypatch.setattr(Config, "for_data", for_data)
    model = HRPro()
    for n in (2, 3):
        model.fit(by_hand(tmp_path, {f"v{i}": (20, [(5, "jump")]) for i in range(n)}))
        assert model.config is not None
        assert model.config.snippet.seed == n
    assert seen == [2, 3]


@pytest.mark.parametrize(
    "use",
    [
        lambda model, folder: model.predict(np.zeros((4, 6))),
        lambda model, folder: model.save(folder / "model"),
        lambda model, folder: model.classes,
    ],
)
def test_an_untrained_model_says_so(use, tmp_path):
    with pytest.raises(RunError, match="has not been trained"):
        use(HRPro(), tmp_path)


def test_heads_that_do_not_divide_the_width_are_refused_at_fit(tmp_path):
    with pytest.raises(ConfigError, match=r"snippet\.heads"):
        HRPro(tiny_config(snippet={"hidden": 0, "heads": 4})).fit(usual(tmp_path))


def test_a_feature_file_with_nan_is_named(tmp_path):
    training_set = usual(tmp_path)
    bad = np.load(tmp_path / "c.npy")
    bad[7, 3] = np.inf
    np.save(tmp_path / "c.npy", bad)
    with pytest.raises(NonFiniteError, match=r"c\.npy: snippet 7, dimension 3"):
        HRPro(tiny_config()).fit(training_set)


def test_a_run_folder_is_not_trained_into_twice(tmp_path):
    training_set = usual(tmp_path)
    run = tmp_path / "run"
    HRPro(tiny_config()).fit(training_set, run_dir=run)
    assert sorted(p.name for p in (run / "logs").glob("*.csv")) == ["instance.csv", "snippet.csv"]
    with pytest.raises(RunError, match="there is a training at step 4 already"):
        HRPro(tiny_config()).fit(training_set, run_dir=run)
    with pytest.raises(RunError, match=r"began with other settings: training\.lr"):
        HRPro(tiny_config(snippet={"lr": 5e-3})).fit(training_set, run_dir=run, resume=True)
    assert Path(run / "checkpoints").is_dir()


def test_features_of_another_length_than_their_duration_says_are_told_in_one_line(tmp_path):
    root = field_layout(tmp_path / "data")
    save_features(root / "features/train/b.npy", 100)
    told = (
        f"1 of 2 recordings do not fit their durations: {root / 'features/train/b.npy'}: 100 snippets, but "
        "40 s hold 50.0 at 1.25 snippets a second "
        "(a stride of 0.4 s would fit: check stride, fps and duration)"
    )
    config = tiny_config(snippet={"steps": 1}, stages=1)
    with pytest.warns(UserWarning, match="recordings do not fit") as caught:
        HRPro(config).fit(open_dataset(root))
    assert [str(warning.message) for warning in caught] == [told]
    assert str(inspect_dataset(root).problems[0]) == told.partition(": ")[2]


def test_what_is_no_data_no_setting_and_no_timeline_is_told_in_one_line(model, features, tmp_path):
    with pytest.raises(DataError, match="nothing to learn from in str: 'base'"):
        HRPro().fit("base")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="settings must be a Config, not 'thumos14'"):
        HRPro("thumos14")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"the timeline must be a Timeline, not 0\.5"):
        model.predict(features, 0.5)
    with pytest.raises(DataError, match="complex"):
        model.predict(features * 1j)
    with pytest.raises(DataError, match="array of numbers"):
        model.predict(torch.tensor(features, requires_grad=True))
    for stride in ("0.5", None):
        with pytest.raises(DataError, match="must be a positive number"):
            Timeline(stride)  # type: ignore[arg-type]
    model.save(tmp_path / "model")
    if not torch.cuda.is_available():
        with pytest.raises(RunError, match="cannot be placed on cuda"):
            HRPro.load(tmp_path / "model", device="cuda")
    with pytest.raises(NonFiniteError, match="NaN or infinite"):
        model.snippet.scores(features * np.nan)


@pytest.mark.parametrize("time", [1e9, -5.0, float("nan")])
def test_a_click_at_no_moment_of_its_recording_is_refused(tmp_path, time):
    training_set = usual(tmp_path)
    clicks = {id: (*held, Click(time, "jump")) for id, held in training_set.clicks.items()}
    with pytest.raises(DataError, match="does not lie in 'a'"):
        HRPro(tiny_config()).fit(replace(training_set, clicks=clicks))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"instance": {"precision": "fp16"}}, r"instance\.precision: fp16 cannot be trained on a CPU"),
        ({"instance": {"accelerator": "mps"}}, r"instance\.accelerator: .*no mps device"),
    ],
)
def test_settings_of_stage_two_that_cannot_be_are_told_before_stage_one(tmp_path, changes, words):
    if changes["instance"].get("accelerator") == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ConfigError, match=words):
        HRPro(tiny_config(**changes)).fit(usual(tmp_path), run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="class_thresholds: must be from 0 to 1"):
        GenerateConfig(class_thresholds=(2.0,))


def test_what_is_found_lies_within_the_recording(model, features, tmp_path):
    np.save(tmp_path / "a.npy", features)
    file, grid = FeatureFile(tmp_path / "a.npy"), Timeline(STRIDE, offset=-2.0)
    length = len(features) * STRIDE - 2
    bare = model.predict(features, grid)
    assert bare.segments.min() < 0
    for duration, end in ((length - 0.4, length - 0.4), (None, length), (length / 4, length)):
        # The last is wrong: nothing is cut by it.
        found = predict_recordings(model, [Recording("a", file, grid, duration)])["a"]
        assert 0 <= found.segments.min() < found.segments.max() <= end
        assert (found.segments[:, 1] > found.segments[:, 0]).all()
        assert found.segments.max() > length / 2
