"""The worker's process: stopped, killed, started again, it comes to the same bits; it says what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hrpro.core.errors import DataError, RunError
from hrpro.studio.predictions import read_curves, read_predicted
from hrpro.studio.progress_file import FILE, Teller, Told
from hrpro.studio.spec import Spec, read_snapshot, write_clicks
from hrpro.studio.worker import sentence
from studio_jobs import dataset, finish, interrupt, job, reached, results, start, wait_for

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
LONG = {"snippet.steps": 60, "instance.steps": 60, "snippet.checkpoint_every": 0}


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a worker left in peace leaves, in a folder with some ground truth."""
    root = dataset(tmp_path_factory.mktemp("peace") / "data", (9.0, 11.0))
    folder = job(root, LONG)
    told = finish(folder, start(folder))
    assert told.end is not None
    assert told.end["end"] == "done", (folder / "worker.log").read_text()
    halves = {f"half-{half}{stage}" for half in (1, 2) for stage in ("", "-instance")}
    assert {row["stage"] for row in told.rows} == {"snippet", "instance", *halves}
    assert all(row["loss"] > 0 for row in told.rows)
    run = root / ".hrpro-studio" / "runs" / "1"
    assert (run / "looked").is_file()
    for video in ("a one", "b", "c"):  # c has no click, and is looked through all the same
        found, curves = read_predicted(run, video), read_curves(run, video)
        assert found is not None
        assert curves is not None
        assert curves.activation_tc.shape == (50, 2)
        assert all(0 <= one.start <= one.moment <= one.end <= 40.0 for one in found.shown)
    return results(root)


def test_stopped_while_it_asks_where_people_click_it_goes_on(tmp_path: Path) -> None:
    settings = {"snippet.steps": 90, "snippet.habit": True, "snippet.checkpoint_every": 0}
    whole = job(dataset(tmp_path / "whole"), settings)
    told = finish(whole, start(whole))
    assert [row["step"] for row in told.rows if row["stage"] == "scout"][-1] == 30
    assert [row["step"] for row in told.rows if row["stage"] == "snippet"][-1] == 90

    cut = job(dataset(tmp_path / "cut"), settings)
    process = start(cut)
    wait_for(cut, process, reached("scout", 5))
    interrupt(process)
    told = finish(cut, process)
    assert told.end is not None
    assert (told.end["end"], process.returncode) == ("stopped", 130)
    assert not reached("snippet", 1)(told)
    told = finish(cut, start(cut, 2))
    assert told.end is not None
    assert told.end["end"] == "done"
    assert results(tmp_path / "cut") == results(tmp_path / "whole")


def test_stopped_in_stage_one_and_killed_in_stage_two_it_ends_with_the_same_bits(
    tmp_path: Path, peace: dict[str, bytes]
) -> None:
    # Another ground truth, too: nothing of it reaches the training.
    root = dataset(tmp_path / "data", (1.0, 39.0), (20.0, 21.0))
    folder = job(root, LONG)
    process = start(folder)
    wait_for(folder, process, reached("snippet", 5))
    assert os.getpriority(os.PRIO_PROCESS, process.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getsid(process.pid) == process.pid
    interrupt(process)
    told = finish(folder, process)
    assert told.end is not None
    assert (told.end["end"], process.returncode) == ("stopped", 130)
    assert not reached("snippet", 60)(told)

    process = start(folder, 2)
    before = len(told.rows)
    told = wait_for(folder, process, reached("instance", 5))
    assert told.end is None, "a new attempt has not ended"
    process.kill()
    process.wait(30)
    told = finish(folder, process)
    assert told.end is None, "nobody could say goodbye"
    assert len(told.rows) > before

    process = start(folder, 3)
    told = finish(folder, process)
    assert told.end is not None
    assert told.end["end"] == "done", (folder / "worker.log").read_text()
    steps = [row["step"] for row in told.rows if row["stage"] == "snippet"]
    assert sorted(steps) == list(range(1, 61)), "each step once, though some were done twice"
    assert results(root) == peace


def test_a_disk_that_takes_no_more_is_told_in_a_sentence_and_resumed(tmp_path: Path) -> None:
    import resource

    root = dataset(tmp_path / "data")
    folder = job(root, {"snippet.hidden": 128})
    limit = 70_000  # bytes a file may have, which the first checkpoint exceeds

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(folder, before=no_room)
    told = finish(folder, process)
    assert told.end is not None
    assert told.end["end"] == "failed"
    assert "cannot be written" in told.end["error"]
    assert str(tmp_path) not in told.end["error"]
    assert "\n" not in told.end["error"]
    told = finish(folder, start(folder, 2))
    assert told.end is not None
    assert told.end["end"] == "done", (folder / "worker.log").read_text()


def test_what_is_wrong_with_the_data_is_told_in_a_sentence(tmp_path: Path) -> None:
    root = dataset(tmp_path / "data")
    folder = job(root)
    (root / "features" / "b.npy").write_bytes(b"no features")
    told = finish(folder, start(folder))
    assert told.end is not None
    assert told.end["end"] == "failed"
    assert told.end["error"].startswith("features/b.npy: ")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("is empty", where="/p/x.mp4", mend="remove it"), "x.mp4: is empty (remove it)"),
        (OSError(28, "No space left on device"), "the disk is full (free some space, then resume)"),
        (MemoryError(), "there is not enough memory (end other programs, then resume)"),
        (
            ValueError("two\nlines /p"),
            "unexpected ValueError: two lines the project (worker.log in the job's folder has the details)",
        ),
    ],
)
def test_sentences(error: BaseException, said: str) -> None:
    assert sentence(error, "/p") == said


def test_a_line_cut_short_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    tell = Teller(tmp_path, 1)
    tell.stage("snippet", 10)
    tell.row({"stage": "snippet", "step": 1, "loss": 2.0})
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"at": 1, "row": {"stage": "snip')
    told = Told(tmp_path)
    assert told.read()
    assert not told.read()
    Teller(tmp_path, 2).row({"stage": "snippet", "step": 1, "loss": 3.0})
    assert told.read()
    assert (told.pid, told.attempt, told.end) == (os.getpid(), 2, None)
    assert told.rows == [{"stage": "snippet", "step": 1, "loss": 3.0}]


def test_seconds_left_are_counted_from_where_this_process_began(tmp_path: Path) -> None:
    tell, told = Teller(tmp_path, 1), Told(tmp_path)
    tell.stage("snippet", 100)
    tell.at(90)  # resumed here
    tell.at(100)
    told.read()
    assert told.progress["done"] == 100
    assert told.progress["seconds_left"] == 0


def test_the_snapshot_keeps_every_name_and_time_to_the_bit(tmp_path: Path) -> None:
    from hrpro.core.annotations import Click

    clicks = {'a,b "c"': (Click(0.1 + 0.2, 'say "x", y'),), "d/é": (Click(1e-9, "ü"),)}
    write_clicks(tmp_path, clicks)
    found = [(video, row.time, row.label) for video, row in read_snapshot(tmp_path)]
    assert found == [(video, click.time, click.label) for video, held in clicks.items() for click in held]


@pytest.mark.parametrize("content", ["", "{}", '{"videos": 3}', "[", json.dumps({"videos": [], "evil": 1})])
def test_a_damaged_job_is_no_job(tmp_path: Path, content: str) -> None:
    (tmp_path / "job.json").write_text(content)
    with pytest.raises(RunError, match="cannot be read"):
        Spec.read(tmp_path)
