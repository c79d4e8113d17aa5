"""Every method by the commands: trained, stored, resumed as finished, and predicting as in memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hrpro.cli import main
from hrpro.config import Config
from hrpro.core.errors import ConfigError
from hrpro.data.folder import open_dataset
from hrpro.localizer import HRPro
from hrpro.methods import METHODS
from hrpro.runs import run_settings

pytest_plugins = ["method_fixtures"]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_trains_and_predicts_by_the_commands(
    name: str, labelled: Path, quick_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, found = tmp_path / "run", tmp_path / "found.json"
    words = [
        "train",
        f"--data={labelled}",
        f"--run={run}",
        f"--config={quick_settings}",
        "--quiet",
        "--seed=3",
    ]
    assert main([*words, f"--method={name}"]) == 0, capsys.readouterr().err
    begun = run_settings(run)
    assert begun is not None
    assert begun.method == name
    assert begun.stage_one.seed == 3
    assert set(begun.as_dict()) >= {"method", "stages", "proposals", "suppress", METHODS[name].section}
    assert main([*words, f"--method={name}", "--resume"]) == 0, capsys.readouterr().err
    assert main(["predict", f"--run={run}", f"--data={labelled}", "--split=test", f"--out={found}"]) == 0
    results = json.loads(found.read_text())["results"]
    model = HRPro.load(run)
    for recording in open_dataset(labelled).recordings("test"):
        here = model.predict(recording.features.read_float32(), recording.timeline)
        written = results[recording.id]
        assert len(here) == len(written) > 0
        np.testing.assert_allclose([one["score"] for one in written], here.ranked().scores, rtol=1e-4)
    capsys.readouterr()
    other = "base" if name == "hrpro" else "hrpro"
    assert main([*words, f"--method={other}", "--resume"]) == 2
    assert "other settings" in capsys.readouterr().err or METHODS[name].section == "snippet"


def test_what_a_method_does_not_read_is_not_in_its_settings() -> None:
    assert "lacp" not in Config().as_dict()
    assert "boundaries" not in Config().as_dict()
    assert set(Config().with_method("lacp").as_dict()) == {
        "method",
        "pace",
        "stages",
        "lacp",
        "proposals",
        "suppress",
    }
    ours = Config().with_method("hrpro-next")
    assert ours.instance.regression_weight == 0
    assert ours.instance.fusion == "product"
    assert ours.instance.exemplar_weight == "judged"
    assert (ours.snippet.exemplar_weight, Config().snippet.exemplar_weight) == (0.5, 0.3)
    assert Config().with_method("base").snippet.blocks == 0


def test_an_unknown_method_is_named_with_those_there_are(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", f"--data={labelled}", f"--run={tmp_path / 'run'}", "--method=lacq"]) == 2
    assert "lacp" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="must be 1 for sfnet"):
        Config(method="sfnet", stages=2)
    assert not (tmp_path / "run").exists()


def test_without_ground_truth_the_supervised_one_says_what_it_lacks(
    labelled: Path, quick_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = (labelled / "gt_full.json").read_bytes()
    (labelled / "gt_full.json").unlink()
    try:
        words = [f"--data={labelled}", f"--run={tmp_path / 'run'}", f"--config={quick_settings}", "--quiet"]
        assert main(["train", *words, "--method=full"]) == 2
        assert "gt_full.json" in capsys.readouterr().err
    finally:
        (labelled / "gt_full.json").write_bytes(kept)
