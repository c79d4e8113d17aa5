"""Settings: layers in their order, and every fault named by key and file."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import hrpro
from hrpro.config import Config, preset_path
from hrpro.core.errors import ConfigError
from hrpro.data.folder import open_dataset
from hrpro.data.synthetic import make_dataset
from hrpro.settings import KEYS, build, choose, read_layer

PRESETS = ("thumos14", "gtea", "beoid", "activitynet13", "sensor")

TEXTS_AND_FAULTS = {
    "snippet: {lrr: 1}": "snippet.lrr: there is no such setting (did you mean 'snippet.lr'?)",
    "snipet: {lr: 1}": "snipet: there is no such setting (did you mean 'snippet'?)",
    "sigma: 1": "sigma: there is no such setting (did you mean 'suppress.sigma'?)",
    "zebra: 1": "zebra: there is no such setting",
    "snippet.lrr: 1": "snippet.lrr: there is no such setting (did you mean 'snippet.lr'?)",
    "instance.completeness_weight: x": "instance.completeness_weight: must be float or 'judged', not x",
    "snippet: {lr: {x: 1}}": "snippet.lr: must be float, not {'x': 1}",
    "snippet: {class_path: os.system}": "snippet.class_path: there is no such setting",
    "1: 2": "1: there is no such setting",
    "snippet: {lr: abc}": "snippet.lr: must be float, not abc",
    "snippet: {lr: }": "snippet.lr: has no value",
    "snippet: {lr: true}": "snippet.lr: must be float, not True",
    "snippet: {lr: .inf}": "snippet.lr: must be a finite number, not inf",
    f"snippet: {{lr: 1{'0' * 400}}}": "snippet.lr: must be a finite number, not 1000",
    "suppress: {sigma: .nan}": "suppress.sigma: must be a finite number, not nan",
    "snippet: {steps: 1.5}": "snippet.steps: must be int, not 1.5",
    "snippet: {steps: true}": "snippet.steps: must be int, not True",
    "snippet: {steps: five}": "snippet.steps: must be int, not five",
    "snippet: {steps: 0}": "snippet.steps: must be a whole number of at least 1, not 0",
    "instance: {class_aware: 1}": "instance.class_aware: must be bool, not 1",
    "instance: {source: [raw]}": "instance.source: must be Literal['raw', 'embedded', 'both'], not ['raw']",
    "proposals: {class_thresholds: [0.1, a]}": "proposals.class_thresholds: must be float, not a",
    "proposals: {class_thresholds: {0.1: 0.2}}": "proposals.class_thresholds: must be tuple, not {0.1",
    "proposals: {class_thresholds: [0.1, .nan]}": "class_thresholds: must be a finite number, not [0.1, nan]",
    "proposals: {class_thresholds: true}": "proposals.class_thresholds: must be float, not True",
    "snippet: 3": "snippet: must hold settings as `key: value`",
    "snippet: {lr: -1}": "snippet.lr: must be a finite number of at least 0, not -1.0",
    "snippet: {heads: 3}": "snippet.heads: 3 heads do not divide the width",
    "proposals: {class_thresholds: []}": "proposals.class_thresholds: no threshold is given (give at least",
    "stages: 3": "stages: must be 1 or 2 for hrpro, not 3",
}
NOT_SETTINGS = {
    "- a": ": must hold settings as `key: value`",
    "text": ": must hold settings as `key: value`",
    "a: [\n b: c:": ":2: faulty YAML: ",
    "stages: 1\nstages: 2": ":2: faulty YAML: stages is given twice",
    "snippet:\n  lr: 1\n  lr: 2\n": ":3: faulty YAML: lr is given twice",
    "stages: 2001-99-99": ": faulty YAML: month must be in 1..12",
    "stages: !!python/object/apply:os.system ['false']": ":1: faulty YAML: could not determine a constructor",
    "\0": ": faulty YAML: unacceptable character",
}


def wrong(layer: Any, where: str | Path | None = "my.yaml") -> str:
    with pytest.raises(ConfigError) as caught:
        build(Config(), layer, where)
    return str(caught.value)


@pytest.mark.parametrize("text", TEXTS_AND_FAULTS)
def test_a_faulty_setting_is_named_by_file_and_key(text: str) -> None:
    message = wrong(yaml.safe_load(text))
    assert message.startswith("my.yaml: ")
    assert TEXTS_AND_FAULTS[text] in message
    assert "\n" not in message


@pytest.mark.parametrize("text", NOT_SETTINGS)
def test_a_file_that_holds_no_settings_is_named_with_the_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        build(Config(), read_layer(path), path)
    message = str(caught.value)
    assert message.startswith(f"{path}{NOT_SETTINGS[text]}")
    assert "\n" not in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"a: \xff")
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "none", "No such file"), (latin, "UTF-8")):
        with pytest.raises(ConfigError, match=why) as caught:
            read_layer(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_an_option_is_named_as_it_is_typed() -> None:
    for option, said in {
        "snippet.lr=-1": "must be a finite number of at least 0, not -1.0",
        "snippet.lr=null": "must be float, not None",
        "snippet.lr=2001-99-99": "must be float, not 2001-99-99",
        "snippet.lr=[": "must be float, not [",
        "snippet.lr=1e999": "must be a finite number, not 1e999",
        f"snippet.lr=1{'0' * 400}": "must be a finite number, not 1000",
        f"snippet.steps={'1' * 5000}": "Exceeds the limit (4300",
        "snippet.steps=1e3": "must be int, not 1000.0",
        "stages=two": "must be int, not two",
        "stages=": "must be int, not",
        "snippet=3": "must hold settings as `key: value`",
        "proposals.class_thresholds=0.1,a": "must be float, not a",
    }.items():
        key, _, text = option.partition("=")
        message = wrong({key: text}, None)
        assert message.startswith(f"--{key}: {said}"), message
        assert "\n" not in message


def test_numbers_and_lists_may_be_written_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(
        "\ufeff# YAML 1.1 takes 1e-4 for text\n"
        "snippet: {lr: 1e-4, weight_decay: 0, steps: '5'}\ninstance:\n  # nothing yet\nproposals:\n"
        "  class_thresholds: 0.1, 0.2\n  attention_thresholds: [0.5]\nsuppress.sigma: 0.4\n",
        encoding="utf-8",
    )
    config = build(Config(), read_layer(path), path)
    assert (config.snippet.lr, config.snippet.weight_decay, config.snippet.steps) == (1e-4, 0.0, 5)
    assert type(config.snippet.weight_decay) is float
    assert type(config.snippet.steps) is int
    assert config.proposals.class_thresholds == (0.1, 0.2)
    assert config.proposals.attention_thresholds == (0.5,)
    assert config.suppress.sigma == 0.4
    assert config.instance == Config().instance
    options = {"proposals.class_thresholds": "0.1,0.2", "instance.class_aware": "false", "stages": "1"}
    config = build(config, options, None)
    assert (config.proposals.class_thresholds, config.instance.class_aware, config.stages) == (
        (0.1, 0.2),
        False,
        1,
    )
    for text, thresholds in {"0.3": (0.3,), "[0.1, 1e-2]": (0.1, 0.01), "1": (1.0,), "[]": ()}.items():
        config = build(config, {"proposals.attention_thresholds": text}, None)
        assert config.proposals.attention_thresholds == thresholds
    path.write_text("# nothing\n")
    assert build(config, read_layer(path), path) == config


def test_values_are_checked_together_and_not_one_after_the_other() -> None:
    config = build(Config(), {"snippet": {"heads": 3, "hidden": 9}}, "my.yaml")
    assert (config.snippet.heads, config.snippet.hidden) == (3, 9)


def test_later_layers_win(tmp_path: Path) -> None:
    training_set = open_dataset(make_dataset(tmp_path / "d", train=2, test=1, minutes=0.5)).training_set()
    path = tmp_path / "my.yaml"
    path.write_text("snippet: {lr: 0.2, seed: 2}\n")
    from_data, options = Config.for_data(training_set), {"snippet": {"seed": 3}}
    assert from_data != Config()
    assert choose(None, None, None, {}) == Config()
    assert choose(training_set, None, None, {}) == from_data
    preset = choose(training_set, "thumos14", None, {})
    assert (preset.snippet.lr, preset.snippet.steps, preset.snippet.seed) == (1e-4, 1000, 0)
    mixed = choose(training_set, "thumos14", path, {})
    assert (mixed.snippet.lr, mixed.snippet.steps, mixed.snippet.seed) == (0.2, 1000, 2)
    mixed = choose(training_set, "thumos14", path, options)
    assert (mixed.snippet.lr, mixed.snippet.steps, mixed.snippet.seed) == (0.2, 1000, 3)
    mixed = choose(training_set, None, path, options)
    assert mixed == replace(from_data, snippet=replace(from_data.snippet, lr=0.2, seed=3))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_loads_and_says_where_its_values_come_from(name: str) -> None:
    path = preset_path(name)
    layer = read_layer(path)
    assert build(Config(), layer, path) != Config()
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    if name != "sensor":  # which says it once for all
        settings = [line for line in text.splitlines() if line.startswith("  ")]
        assert all("  # " in line for line in settings)
        assert len(settings) == sum(map(len, layer.values()))


def test_the_presets_are_those_and_an_unknown_one_is_told_them() -> None:
    folder = Path(hrpro.__file__).parent / "presets"
    assert {path.stem for path in folder.iterdir()} == set(PRESETS)
    for name in ("thumos", "GTEA", ""):
        with pytest.raises(
            ConfigError, match=r"there is no preset .* activitynet13, beoid, gtea, sensor, thum"
        ):
            choose(None, name, None, {})


def test_every_setting_has_a_key_by_which_it_can_be_set() -> None:
    def leaves(settings: Any) -> int:
        values = [getattr(settings, part.name) for part in fields(settings)]
        return sum(leaves(value) if is_dataclass(value) else 1 for value in values)

    assert len(KEYS) == leaves(Config()) > 60
    assert build(Config(), KEYS, "my.yaml") == Config()


@given(
    lr=st.floats(0, 1e300, allow_subnormal=True),
    steps=st.integers(1, 10**12),
    thresholds=st.lists(st.floats(0, 1), min_size=1, max_size=5),
    flag=st.booleans(),
    stages=st.sampled_from([1, 2]),
)
def test_what_is_written_as_yaml_is_read_back_the_same(
    lr: float, steps: int, thresholds: list[float], flag: bool, stages: int
) -> None:
    base = Config()
    config = replace(
        base,
        stages=stages,
        snippet=replace(base.snippet, lr=lr, steps=steps),
        instance=replace(base.instance, class_aware=flag),
        proposals=replace(base.proposals, class_thresholds=tuple(thresholds)),
    )
    text = yaml.safe_dump(config.as_dict(), sort_keys=False)
    assert build(Config(), yaml.safe_load(text), "config.yaml") == config


def test_a_method_that_is_none_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("method: hrpor\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: method: there is no method 'hrpor' \(did you mean"):
        choose(None, None, tmp_path / "mine.yaml", {})
    with pytest.raises(ConfigError, match=r"--method: there is no method"):
        choose(None, None, None, {"method": "hrpor"})
