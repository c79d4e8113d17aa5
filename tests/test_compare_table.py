"""The table of a comparison: means and deviations, what is not known, and what a method sees."""

from __future__ import annotations

import csv
import io
import json
from statistics import mean, stdev

import pytest
from rich.console import Console

from hrpro.harness.table import Trial, as_csv, render, rows
from hrpro.methods import METHODS

TIOUS = ("0.1", "0.3", "0.5")


def trial(method: str, seed: int, value: float, seconds: float | None = 12.0) -> Trial:
    figures = {tiou: value - float(tiou) / 10 for tiou in TIOUS}
    cpu, peak = (None, None) if seconds is None else (2 * seconds, 400.0 + seed)
    return Trial(method, seed, figures, 0.5 + seed, seconds, cpu, peak)


def printed(table: list[dict], width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(render(table, "mAP"))
    return out.getvalue()


def test_a_row_is_mean_and_sample_deviation_over_seeds() -> None:
    trials = [trial(name, seed, 0.5 + 0.1 * seed) for seed in range(3) for name in ("hrpro", "base")]
    table = rows(trials)
    assert [row["method"] for row in table] == ["hrpro", "base"]
    averages = [mean(value - t / 10 for t in (0.1, 0.3, 0.5)) for value in (0.5, 0.6, 0.7)]
    for row in table:
        assert row["seeds"] == 3
        assert row["average_mAP_mean"] == pytest.approx(mean(averages))
        assert row["average_mAP_sd"] == pytest.approx(stdev(averages)) == pytest.approx(0.1)
        assert row["mAP@0.5_mean"] == pytest.approx(0.55)
        assert (row["train_seconds_mean"], row["train_seconds_sd"]) == (12, 0)
        assert (row["train_cpu_seconds_mean"], row["predict_seconds_mean"]) == (24, 1.5)
        assert row["peak_memory_mib"] == 402
    assert json.loads(json.dumps(trials[0].as_dict()))["average_mAP"] == pytest.approx(0.47)


def test_one_seed_has_no_deviation_and_unknown_costs_are_not_made_up() -> None:
    one = rows([trial("base", 0, 0.5)])
    assert one[0]["average_mAP_sd"] is None
    assert "±" not in printed(one)
    some = rows([trial("base", 0, 0.5), trial("base", 1, 0.5, seconds=None)])
    assert (some[0]["train_seconds_mean"], some[0]["peak_memory_mib"]) == (12, 400)
    assert some[0]["seeds_of_unknown_cost"] == 1
    assert "12.0*" in printed(some)
    assert "*: without trainings that were killed unseen" in " ".join(printed(some).split())
    none = rows([trial("base", 0, 0.5, seconds=None)])
    assert none[0]["train_seconds_mean"] is none[0]["peak_memory_mib"] is None
    assert [line.split()[-3:] for line in printed(none).splitlines() if line.split()[:1] == ["base"]] == [
        ["?*", "0.5", "?"]
    ]
    cells = next(csv.DictReader(io.StringIO(as_csv(none))))
    assert cells["train_seconds_mean"] == cells["average_mAP_sd"] == cells["peak_memory_mib"] == ""


def test_it_says_what_each_method_sees_and_fits_a_terminal() -> None:
    tious = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7")
    trials = [
        Trial(name, seed, dict.fromkeys(tious, 0.123456), 1234.5, 98765.4 + seed, 1.0, 12345.6)
        for name in METHODS
        for seed in (0, 1)
    ]
    table = rows(trials)
    text = printed(table)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in text
    for row in table:
        name, below = _two(lines, row["method"])
        assert name.count("0.123") == 8
        expected = {"clicks": "clicks", "classes": "classes only", "segments": "SEGMENTS"}
        assert row["sees"] == expected[METHODS[row["method"]].sees]
        assert below.strip().startswith(row["sees"])
    flat = " ".join(text.split())
    assert "SEGMENTS: the true starts and ends; a bound from above, not a rival" in flat
    assert "classes only: which actions occur in a recording, not when" in flat
    assert "SEGMENTS" not in printed(rows([trial("hrpro", 0, 0.5)]))


def _two(lines: list[str], method: str) -> tuple[str, str]:
    place = next(n for n, line in enumerate(lines) if line.split()[:1] == [method] and "0.123" in line)
    return lines[place], lines[place + 1]


def test_csv_holds_what_the_rows_hold() -> None:
    table = rows([trial(name, seed, 0.4 + 0.01 * seed) for seed in range(2) for name in METHODS])
    read = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert len(read) == len(METHODS)
    for cells, row in zip(read, table, strict=True):
        assert {key: type(row[key])(cell) for key, cell in cells.items()} == row
