"""A project on a disk that cannot be written to: the studio says so in a line, and its clicks come out."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [studio] is not installed")
pytest.importorskip("av", reason="the extra [video] is not installed")

from hrpro.studio.project import open_project
from hrpro.studio.store import Store
from studio_store import add_class, add_click, make_videos, new_id


@pytest.mark.skipif(os.name == "nt", reason="needs the rights of files")
def test_a_disk_that_cannot_be_written_is_one_line_and_its_clicks_come_out() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        folder = make_videos(Path(place) / "videos")
        project = open_project(folder)
        store = Store(project.database, project.durations)
        store.apply("me", "r1", [add_class(), add_click("k1", 2.5, "one")])
        store.close()
        for path in (folder, *folder.rglob("*")):
            os.chmod(path, 0o555 if path.is_dir() else 0o444)
        # Root may write everywhere: the modules are loaded as whoever we are, the rest is done as nobody.
        code = (
            "import os, sys, encodings.idna\n"
            "import hrpro.cli, hrpro.studio.launch\n"
            "import hrpro.studio.export, hrpro.studio.transcode\n"
            "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "sys.exit(hrpro.cli.main(sys.argv[1:]))\n"
        )

        def said(*words: str) -> tuple[int, str, str]:
            command = [sys.executable, "-c", code, "studio", str(folder), *words]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
            return done.returncode, done.stdout, done.stderr

        code_, out, error = said("--no-browser", "--port", "0")
        assert (code_, out, error.count("\n")) == (2, "", 1), error
        assert "the project's folder cannot be written" in error
        target = Path(tempfile.gettempdir()) / f"{new_id()}.csv"
        try:
            assert said("--export", str(target), "--format", "seconds")[0] == 0
            assert "one,2.5,jump" in target.read_text()
        finally:
            target.unlink(missing_ok=True)
            for path in (folder, *folder.rglob("*")):
                os.chmod(path, 0o755)
