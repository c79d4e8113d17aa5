"""Save and load: the same bits, nothing but models replaced, and every damage told in one line."""

import json

import numpy as np
import pytest

from hrpro.core.errors import RunError
from hrpro.localizer import HRPro
from hrpro.proposals.config import GenerateConfig
from tiny_sets import STRIDE, TIMELINE, columns, tiny_config, usual

pytest_plugins = ["trained_fixtures"]


VARIANTS = [
    {},
    {"stages": 1},
    {"snippet": {"blocks": 0, "hidden": 0, "heads": 3}},
    {"snippet": {"precision": "bf16"}, "instance": {"precision": "bf16"}},
    {"instance": {"source": "raw"}},
    {"instance": {"source": "embedded"}},
    {"instance": {"class_aware": False}},
    {"instance": {"regression_weight": 0.0}},
    {"instance": {"score_weight": 0.0}},
    {"instance": {"exemplar_weight": 0.0}},
    {"instance": {"score_weight": 0.0, "regression_weight": 0.0, "completeness_weight": 0.0}},
    {"instance": {"reliable": False, "negatives": 0.0, "score_loss": "smooth_l1"}},
    {"proposals": GenerateConfig(attention_thresholds=(0.3, 0.5), video_threshold=0.05, upsample=2)},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_what_was_saved_and_loaded_predicts_the_same_bits(changes, tmp_path):
    config = tiny_config(**changes)
    model = HRPro(config).fit(usual(tmp_path))
    model.save(tmp_path / "model")
    loaded = HRPro.load(tmp_path / "model")
    assert loaded.config == config
    assert loaded.timeline == TIMELINE
    assert loaded.classes == model.classes == ("jump", "run")
    assert (loaded.instance is None) == (config.stages == 1)
    files = {path.name for path in (tmp_path / "model").iterdir()}
    assert files == {"model.json", "snippet.safetensors"} | (
        {"instance.safetensors"} if config.stages == 2 else set()
    )
    rng = np.random.default_rng(0)
    for length in (1, 2, 40, 333):
        features = rng.normal(size=(length, 6)).astype(np.float32)
        found = model.predict(features)
        assert columns(loaded.predict(features)) == columns(found)
        assert len(found)
        assert (np.diff(found.scores) <= 0).all(), "best first"
        assert (found.segments >= 0).all()
        assert (found.segments <= length * STRIDE + 1e-6).all()
        assert (np.diff(found.segments) > 0).all()
        assert np.isfinite(found.scores).all()
        assert set(found.labels.tolist()) <= {0, 1}


def test_a_model_from_before_stage_two_had_exemplars_loads(features, tmp_path):
    model = HRPro(tiny_config(instance={"exemplar_weight": 0.0})).fit(usual(tmp_path))
    model.save(tmp_path / "model")
    file = tmp_path / "model/model.json"
    content = json.loads(file.read_text())
    del content["config"]["instance"]["exemplar_weight"], content["config"]["instance"]["exemplars"]
    file.write_text(json.dumps(content))
    loaded = HRPro.load(tmp_path / "model")
    assert loaded.config == model.config
    assert columns(loaded.predict(features)) == columns(model.predict(features))


def test_stage_one_alone_saved_under_settings_of_two_loads(model, features, tmp_path):
    model.instance = None
    model.save(tmp_path / "model")
    assert columns(HRPro.load(tmp_path / "model").predict(features)) == columns(model.predict(features))


def test_a_model_replaces_a_model_and_nothing_else(model, features, tmp_path):
    model.save(tmp_path / "deep" / "model")
    model.instance = None
    model.save(tmp_path / "deep" / "model")
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["model"], "no rest is left"
    assert not (tmp_path / "deep" / "model" / "instance.safetensors").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    model.save(empty)
    assert HRPro.load(empty).classes == model.classes
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("ten years of work")
    for path in (own, own / "thesis.txt"):
        with pytest.raises(RunError, match="is there already and is no model"):
            model.save(path)
    assert (own / "thesis.txt").read_text() == "ten years of work"
    with pytest.raises(RunError, match="cannot be written"):
        model.save(own / "thesis.txt" / "model")


def test_weights_are_readable_as_the_umask_says(folder):
    modes = {path.stat().st_mode & 0o777 for path in (folder / "model").iterdir()}
    assert len(modes) == 1


def edit(change):
    def damage(path):
        content = json.loads((path / "model.json").read_text())
        change(content)
        (path / "model.json").write_text(json.dumps(content))

    return damage


def cut(name, size):
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[:size])


def flip(path):
    content = bytearray((path / "instance.safetensors").read_bytes())
    content[-5] ^= 1
    (path / "instance.safetensors").write_bytes(content)


def swap(path):
    (path / "instance.safetensors").write_bytes((path / "snippet.safetensors").read_bytes())


DAMAGES = {
    "no model.json": lambda path: (path / "model.json").unlink(),
    "empty model.json": cut("model.json", 0),
    "half a model.json": cut("model.json", 300),
    "not text": lambda path: (path / "model.json").write_bytes(b"\xff\xfe\x00"),
    "a list": lambda path: (path / "model.json").write_text("[1]"),
    "no weights": lambda path: (path / "snippet.safetensors").unlink(),
    "empty weights": cut("snippet.safetensors", 0),
    "half the weights": cut("instance.safetensors", 900),
    "one bit": flip,
    "another file": swap,
    "another format": edit(lambda c: c.update(format=99)),
    "no classes": edit(lambda c: c.pop("classes")),
    "no config": edit(lambda c: c.pop("config")),
    "config is a word": edit(lambda c: c.update(config="thumos14")),
    "unknown setting": edit(lambda c: c["config"]["snippet"].update(colour="red")),
    "setting out of range": edit(lambda c: c["config"]["snippet"].update(heads=0)),
    "other width": edit(lambda c: c["config"]["snippet"].update(hidden=16)),
    "other source": edit(lambda c: c["config"]["instance"].update(source="raw")),
    "other dimension": edit(lambda c: c.update(dimension=7)),
    "negative dimension": edit(lambda c: c.update(dimension=-6)),
    "dimension is a word": edit(lambda c: c.update(dimension="six")),
    "one class more": edit(lambda c: c["classes"].append("swim")),
    "no stride": edit(lambda c: c["timeline"].pop("stride")),
    "negative stride": edit(lambda c: c["timeline"].update(stride=-1.0)),
    "stride is a word": edit(lambda c: c["timeline"].update(stride="fast")),
    "no checksums": edit(lambda c: c.pop("checksums")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_refused_in_one_line_that_names_it(damage, model, tmp_path):
    path = tmp_path / "model"
    model.save(path)
    DAMAGES[damage](path)
    with pytest.raises(RunError) as caught:
        HRPro.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("there", ["nothing", "an empty folder", "a file", "an unfinished run"])
def test_a_missing_model_is_refused(there, tmp_path):
    path = tmp_path / "run"
    if there == "a file":
        path.write_text("x")
    elif there != "nothing":
        path.mkdir()
    if there == "an unfinished run":
        (path / "checkpoints").mkdir()
    words = "not finished" if there == "an unfinished run" else "no trained model"
    with pytest.raises(RunError, match=words):
        HRPro.load(path)


def test_a_run_s_folder_will_do(model, features, tmp_path):
    model.save(tmp_path / "run" / "model")
    assert columns(HRPro.load(str(tmp_path / "run")).predict(features)) == columns(model.predict(features))


def test_a_link_to_a_model_stays_one(model, features, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "real")
    for _ in range(3):
        model.save(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert sorted(
        path.name for path in tmp_path.iterdir() if path.name in (".latest.old", "latest", "real")
    ) == [
        "latest",
        "real",
    ]
    assert columns(HRPro.load(tmp_path / "real").predict(features)) == columns(model.predict(features))
