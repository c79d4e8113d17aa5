"""Snippets that say what their neighbours say are read several at a time: when, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hrpro.cli import main
from hrpro.config import Config
from hrpro.core.annotations import Click, Segment
from hrpro.core.errors import ConfigError, DataError, NonFiniteError
from hrpro.core.timeline import Timeline
from hrpro.data.averaged import AveragedFile, averaged
from hrpro.data.features import FeatureFile
from hrpro.data.pace import pace
from hrpro.data.supervised import SupervisedSet
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.localizer import HRPro
from hrpro.report.collect import RunResult, Traces
from hrpro.reports import report
from hrpro.studio.predictions import predict_into, read_curves
from tiny_sets import columns, tiny_config

Arrays = Sequence[NDArray[np.float32]]


def training_set(folder: Path, arrays: Arrays, clicks: Sequence[Sequence[float]], stride: float = 0.5):
    """Recordings 0, 1, ... of these features, clicks in seconds, of two classes in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    items, clicked = [], {}
    for number, features_td in enumerate(arrays):
        path = folder / f"{number}.npy"
        np.save(path, features_td)
        items.append(Recording(str(number), FeatureFile(path), Timeline(stride)))
        clicked[str(number)] = tuple(
            Click(time, ("jump", "run")[i % 2]) for i, time in enumerate(clicks[number])
        )
    return TrainingSet(("jump", "run"), tuple(items), clicked)


def noise(length: int, seed: int = 0, dimension: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(length, dimension)).astype(np.float32)


def smooth(length: int, over: int, seed: int = 0) -> NDArray[np.float32]:
    """Noise seen through windows of ``over`` snippets: what lies k apart correlates by 1 - k / over."""
    whole = np.cumsum(noise(length + over, seed), axis=0)
    return (whole[over:] - whole[:-over]).astype(np.float32)


def spread(length: int, every: float, stride: float = 0.5) -> list[float]:
    return np.arange(every / 2, length, every).__mul__(stride).tolist()


@pytest.mark.parametrize(("length", "every"), [(12, 3), (13, 3), (14, 3), (2, 3), (1, 4), (7, 1)])
def test_averages_of_neighbours_and_of_those_left_at_the_end(length: int, every: int) -> None:
    features_td = noise(length)
    expected = [features_td[at : at + every].mean(0) for at in range(0, length, every)]
    np.testing.assert_allclose(averaged(features_td, every), expected, rtol=1e-5, atol=1e-6)
    assert averaged(features_td, every).dtype == np.float32


@pytest.mark.parametrize("length", [12, 13, 14])
def test_a_file_is_read_in_parts_as_it_is_whole(length: int, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise(length))
    file = AveragedFile(tmp_path / "a.npy", every=3)
    whole = file.read_float32()
    assert file.shape == whole.shape == (-(-length // 3), 6)
    for start in range(len(whole) + 1):
        for stop in range(start, len(whole) + 2):
            np.testing.assert_array_equal(file.read_float32(start, stop), whole[start:stop])


def test_the_coarser_grid_tells_the_same_seconds() -> None:
    fine = Timeline(0.5, 2.0, 0.25)
    coarse = fine.coarser(3)
    assert (coarse.stride, coarse.window, coarse.offset) == (1.5, 3.0, 0.25)
    np.testing.assert_allclose(coarse.to_seconds([0, 1, 2.5]), fine.to_seconds([0, 3, 7.5]))
    assert fine.coarser(1) == fine


def test_features_are_taken_together_where_neighbours_are_alike(tmp_path: Path) -> None:
    """Windows of 8 snippets: two apart share three quarters, three apart five eighths."""
    clicks = [spread(400, 40)] * 4
    alike = training_set(tmp_path / "alike", [smooth(400, 8, seed) for seed in range(4)], clicks)
    assert pace(alike) == 3
    assert Config.for_data(alike).pace == 3
    apart = training_set(tmp_path / "apart", [noise(400, seed) for seed in range(4)], clicks)
    assert pace(apart) == Config.for_data(apart).pace == 1


def test_what_differs_between_recordings_alone_does_not_count(tmp_path: Path) -> None:
    """A camera's place, a person's sensor: the same throughout a recording, it tells no snippets apart."""
    arrays = [noise(400, seed) + 20 * seed for seed in range(4)]
    assert pace(training_set(tmp_path, arrays, [spread(400, 40)] * 4)) == 1


@pytest.mark.parametrize(("every", "expected"), [(7, 1), (15, 1), (17, 2), (25, 3), (33, 4)])
def test_clicks_close_to_each_other_stay_apart(every: int, expected: int, tmp_path: Path) -> None:
    arrays = [smooth(400, 100, seed) for seed in range(3)]
    assert pace(training_set(tmp_path, arrays, [spread(400, every)] * 3)) == expected


def test_one_click_a_recording_leaves_as_much_room_as_it_is_long(tmp_path: Path) -> None:
    arrays = [smooth(80, 8, seed) for seed in range(3)]
    assert pace(training_set(tmp_path / "one", arrays, [[20.0]] * 3)) == 3
    assert pace(training_set(tmp_path / "none", arrays, [[], [], []])) == 1
    short = [smooth(7, 8, seed) for seed in range(3)]
    assert pace(training_set(tmp_path / "short", short, [[1.0]] * 3)) == 1


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_features_that_never_change_are_left_as_they_are(value: float, tmp_path: Path) -> None:
    still = [np.full((90, 6), value, np.float32)] * 2
    assert pace(training_set(tmp_path, still, [spread(90, 30)] * 2)) == 1


def test_a_dimension_that_never_changes_does_not_count(tmp_path: Path) -> None:
    """However large it is: what is left of it after its mean is mere rounding."""
    clicks = [spread(400, 40)] * 4
    arrays = [np.hstack([noise(400, seed), np.full((400, 1), 1e8 / 3, np.float32)]) for seed in range(4)]
    assert pace(training_set(tmp_path / "one", arrays, clicks)) == 1
    unit = [np.hstack([smooth(400, 8, seed), 1e-9 * noise(400, 9)]).astype(np.float32) for seed in range(4)]
    assert pace(training_set(tmp_path / "two", unit, clicks)) == 3


def test_recordings_of_another_dimension_are_told_by_the_training(tmp_path: Path) -> None:
    arrays = [smooth(90, 8), noise(90, dimension=5)]
    taken = training_set(tmp_path, arrays, [spread(90, 30)] * 2)
    with pytest.raises(DataError, match="5 dimensions"):
        HRPro().fit(taken)


def test_a_value_that_is_no_number_is_told_with_its_file(tmp_path: Path) -> None:
    broken = smooth(90, 8)
    broken[7, 2] = np.nan
    taken = training_set(tmp_path, [broken], [spread(90, 30)])
    with pytest.raises(NonFiniteError, match="snippet 7, dimension 2"):
        Config.for_data(taken)


def test_settings_for_long_recordings_go_by_what_is_read(tmp_path: Path) -> None:
    """12,000 snippets are too many for attention, a third of them are not."""
    path = tmp_path / "0.npy"
    long = np.repeat(noise(2000), 6, axis=0)
    np.save(path, long)
    item = Recording("0", FeatureFile(path), Timeline(0.1))
    clicks = {"0": tuple(Click(time, "jump") for time in spread(12_000, 60, 0.1))}
    chosen = Config.for_data(TrainingSet(("jump",), (item,), clicks))
    assert chosen.pace == 3
    assert chosen.snippet.blocks == 1


@pytest.mark.parametrize("method", ["hrpro", "hrpro-next", "lacp", "full"])
def test_a_fit_at_a_pace_is_a_fit_on_averaged_features(method: str, tmp_path: Path) -> None:
    """Weights, detections, threshold: as if the user had averaged features of three snippets each."""
    clicks = [spread(60, 15), spread(48, 12), spread(90, 18)]
    arrays = [smooth(length, 9, seed) for seed, length in enumerate((60, 48, 90))]
    fine = training_set(tmp_path / "fine", arrays, clicks)
    coarse = training_set(tmp_path / "coarse", [averaged(a, 3) for a in arrays], clicks, stride=1.5)
    segments = {str(n): tuple(Segment(t - 1, t + 1, "run") for t in each) for n, each in enumerate(clicks)}
    config = tiny_config().with_method(method)
    config = replace(config, full=replace(config.full, steps=3, hidden=8, heads=2))
    taught = []
    for learned, every in ((fine, 3), (coarse, 1)):
        given = SupervisedSet(learned, segments) if method == "full" else learned
        taught.append(HRPro(replace(config, pace=every)).fit(given))
    paced, plain = taught
    assert paced.timeline == Timeline(0.5)
    assert paced.min_score == plain.min_score
    for features_td in arrays:
        found = paced.predict(features_td)
        assert len(found)
        assert columns(found) == columns(plain.predict(averaged(features_td, 3)))
    paced.save(tmp_path / "model")
    again = HRPro.load(tmp_path / "model")
    assert columns(again.predict(arrays[0])) == columns(paced.predict(arrays[0]))


def test_nothing_is_found_after_the_last_snippet(tmp_path: Path) -> None:
    """61 snippets, read four at a time: the last of those read is of one alone."""
    arrays = [smooth(61, 9, seed) for seed in range(2)]
    taken = training_set(tmp_path, arrays, [spread(61, 12)] * 2)
    model = HRPro(tiny_config(pace=4)).fit(taken)
    for length in range(1, 62):
        found = model.predict(arrays[0][:length])
        assert (found.segments[:, 0] < found.segments[:, 1]).all()
        assert (found.segments <= length * 0.5).all()
        assert found.peaks is not None
        assert (found.peaks <= length * 0.5).all()


def test_the_studio_s_curves_lie_on_the_grid_that_was_read(tmp_path: Path) -> None:
    arrays = [smooth(61, 9, seed) for seed in range(2)]
    model = HRPro(tiny_config(pace=4)).fit(training_set(tmp_path / "data", arrays, [spread(61, 12)] * 2))
    predict_into(tmp_path / "run", "a", model, arrays[0], Timeline(0.5), 30.5, "stamp")
    curves = read_curves(tmp_path / "run", "a")
    assert curves is not None
    assert curves.timeline == Timeline(0.5).coarser(4)
    assert len(curves.attention_t) == 16


def test_the_report_s_curves_lie_on_the_grid_that_was_read(tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    taken = training_set(data / "features", [smooth(60, 9, seed) for seed in range(2)], [spread(60, 12)] * 2)
    lines = [f"{id},{click.time},{click.label}" for id, each in taken.clicks.items() for click in each]
    (data / "dataset.yaml").write_text("features: {stride: 0.5}\n")
    (data / "clicks.csv").write_text("\n".join(["video_id,timestamp,label", *lines]) + "\n")
    words = ["train", "--data", str(data), "--run", str(run), "--pace=4", "--snippet.steps=4", "--stages=1"]
    assert main([*words, "--snippet.members=1", "--quiet"]) == 0
    model = HRPro.load(run)
    assert model.config is not None
    assert model.config.pace == 4
    seen: list[Traces] = []

    def kept(_: Any, results: Sequence[RunResult], *more: Any, **options: Any) -> Path:
        seen.append(results[0].traces("0"))
        return tmp_path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hrpro.reports.write_report", kept)
        report([run], tmp_path / "report.html", data=data, split="train")
    (traces,) = seen
    assert traces.timeline == Timeline(0.5).coarser(4)
    assert len(traces.attention_t) == 15


def test_a_pace_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1") as caught:
        Config(pace=0)
    assert caught.value.where == "pace"
