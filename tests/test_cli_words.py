"""What the command takes and tells: its help, its settings, and one line on bad words and bad files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

import hrpro
from commands import command_help, run
from hrpro.config import Config
from hrpro.settings import KEYS, build

pytest_plugins = ["command_fixtures"]


def test_help_is_there_for_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert hrpro.__version__ in command_help("--version", capsys)
    overview = command_help("--help", capsys)
    for verb in ("inspect", "train", "predict", "evaluate", "demo"):
        text = command_help(f"{verb} --help", capsys)
        assert text.startswith(f"usage: hrpro {verb}")
        assert f"hrpro {verb}" in text.partition("\n\n")[2] or verb == "demo", "an example"
        assert text.partition("\n\n")[2][:20] in overview
    text = " ".join(command_help("train --help", capsys).split()).partition(" options: ")[2]
    for key in KEYS:
        told = re.search(rf" --{re.escape(key)} \S+ (.+?) \(type: [^:]+, default: ", text)
        assert told is not None, key
        assert len(told[1]) >= 10, key
        assert " --" not in told[1], "the docstring below its field"
    assert "--snippet.lr LR Peak learning rate of AdamW. (type: float, default: 0.0005)" in text
    assert "--instance.source {raw,embedded,both} What proposals are pooled from" in text
    assert not re.search(r" --(snippet|instance|proposals|suppress) ", text), "not options by themselves"
    for preset in (Path(hrpro.__file__).parent / "presets").iterdir():
        assert preset.stem in text


def test_an_option_without_content_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        ("extract", data, "--out="),
        ("train", "--data", data, "--run", ""),
        ("predict", "--run", "r", "--video", "v", "--out", ""),
        ("convert", "", "out.csv"),
    ):
        assert run(*words) == 2
        assert re.fullmatch(r"hrpro: (--out|--run|SRC): is empty\n", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_without_a_word_it_shows_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_help("", capsys) == command_help("--help", capsys)


def test_what_it_prints_as_settings_it_takes_as_settings(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--snippet.lr", "3e-4", "--proposals.class_thresholds", "0.1,0.2", "--seed", "7"]
    assert run("train", "--data", data, "--preset", "sensor", *options, "--print_config") == 0
    printed, err = capsys.readouterr()
    assert err == ""
    path = tmp_path / "my.yaml"
    path.write_text(printed)
    for more in ([], ["--data", data], ["--preset", "gtea"], ["--data", data, "--print-config"]):
        assert run("train", *more, "--config", path, "--print_config") == 0
        assert capsys.readouterr().out == printed
    config = build(Config(), yaml.safe_load(printed), None)
    assert (config.snippet.seed, config.instance.seed, config.snippet.hidden) == (7, 7, 128)
    assert run("train", "--config", path, "--snippet.seed", "1", "--seed", "2", "--print_config") == 0
    config = build(Config(), yaml.safe_load(capsys.readouterr().out), None)
    assert (config.snippet.seed, config.instance.seed) == (1, 2)


def test_bad_words_end_in_one_line(data: Path, said, tmp_path: Path) -> None:
    train = ["train", "--data", data, "--run", tmp_path / "r"]
    assert said("fit").startswith("argument VERB: invalid choice: ")
    assert "required: --data (hrpro inspect --help" in said("inspect")
    assert "required: --ground-truth, --detections" in said("evaluate")
    assert said("train", "--data", data) == "train needs --data DIR and --run RUN"
    more = "unrecognized arguments: more.csv (hrpro inspect --help lists the options)"
    assert said("inspect", "--data", data, "more.csv") == more
    for word in ("--snippet.lrr=1", "--snippet.lrr 1"):
        expected = f"unrecognized arguments: {word} (did you mean '--snippet.lr'?)"
        assert said(*train, *word.split()) == expected
    assert "arguments: --dat x (did you mean '--data'?)" in said("inspect", "--data", data, "--dat", "x")
    assert "arguments: --snippet.lr 1 " in said("predict", "--snippet.lr", "1", *train[1:], "--out", "o")
    assert "argument --run: expected one argument" in said("train", "--data", data, "--run")
    assert "argument --stages: expected one argument" in said("train", "--data", data, "--stages")
    assert said(*train, "--snippet.lr", "abc") == "--snippet.lr: must be float, not abc"
    below = "--snippet.lr: must be a finite number of at least 0, not -0.1"
    assert said(*train, "--snippet.lr", "-0.1") == below
    assert said(*train, "--snippet", "my.yaml").startswith("--snippet: must hold settings as `key: value`")
    for verb in (train, ["demo"]):
        assert said(*verb, "--seed", "-1").startswith("--seed: Not of type NonNegativeInt: -1")
        assert said(*verb, "--seed", "1.5").startswith("--seed: Not of type NonNegativeInt: ")
    assert "no preset 'x' (take one of activitynet13, beoid" in said(*train, "--preset", "x")
    path = tmp_path / "my.yaml"
    path.write_text("instance:\n  step: 5\n")
    expected = f"{path}: instance.step: there is no such setting (did you mean 'instance.steps'?)"
    assert said(*train, "--config", path) == expected
    assert said(*train, "--config", tmp_path / "no.yaml").startswith(
        f"{tmp_path / 'no.yaml'}: cannot be read"
    )
    assert not (tmp_path / "r").exists()


def test_bad_files_end_in_one_line(data: Path, detections: Path, said, tmp_path: Path) -> None:
    empty, latin, folder = tmp_path / "empty", tmp_path / "latin", tmp_path / "folder"
    empty.write_text("")
    latin.write_bytes(b"\xe9\xff,1,a\n")
    folder.mkdir()
    for bad in (empty, latin, folder, tmp_path / "missing", tmp_path / "empty" / "below"):
        for words in (
            ("evaluate", "--ground-truth", bad, "--detections", detections),
            ("evaluate", "--ground-truth", data / "gt_full.json", "--detections", bad),
            ("train", "--data", data, "--points", bad, "--run", tmp_path / "r"),
            ("train", "--data", bad, "--run", tmp_path / "r"),
            ("predict", "--run", bad, "--data", data, "--out", tmp_path / "o.json"),
        ):
            line = said(*words)
            assert str(bad) in line, (words, line)
            assert "Errno" not in line
    ambiguous = ("--detections", detections, "--ambiguous", latin)
    assert str(latin) in said("evaluate", "--ground-truth", data / "gt_full.json", *ambiguous)
    assert "Validation" in said(
        "evaluate",
        "--ground-truth",
        data / "gt_full.json",
        "--detections",
        detections,
        "--subset",
        "Validation",
    )
    assert "tIoU" in said(
        "evaluate",
        "--ground-truth",
        data / "gt_full.json",
        "--detections",
        detections,
        "--tiou",
        "0.5:0.1:0.1",
    )
    assert sorted(os.listdir(tmp_path)) == ["empty", "folder", "latin"]
