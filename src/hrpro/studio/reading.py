"""What stands in the database at one moment."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from hrpro.core.annotations import Click
from hrpro.studio.changes import Change, Kind

CHANGE = "kind, id, value, revision, client"
_ORDER = "(SELECT min(revision) FROM changes c WHERE c.kind = things.kind AND c.id = things.id)"


class View:
    """Reads on ``db``, within one transaction all of the same moment."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def classes(self) -> list[dict[str, Any]]:
        """Classes in the order in which they came."""
        return self._things("class", None, _ORDER)

    def clicks(self, video: str | None = None) -> list[dict[str, Any]]:
        """Clicks, of one video or all, by video and time."""
        return sorted(self._things("click", video), key=itemgetter("video", "time", "id"))

    def segments(self, video: str | None = None) -> list[dict[str, Any]]:
        """Verified segments, of one video or all, by video and start."""
        return sorted(self._things("segment", video), key=itemgetter("video", "start", "id"))

    def verdicts(self, video: str | None = None) -> list[dict[str, Any]]:
        """Verdicts on predictions, of one video or all."""
        return self._things("verdict", video)

    def listed(self, kind: Kind, video: str) -> str:
        """A JSON list of a video's things of a kind, in no order that means something; made by SQLite.

        In Python, fifty people who open a video of 10,000 clicks at once wait a quarter of a minute: for each
        row the interpreter's lock is let go and waited for, and each click is a dictionary for a moment.
        """
        whole = "json_set(value, '$.id', id, '$.version', version)"
        here = "kind = ? AND video = ? AND value IS NOT NULL"
        query = f"SELECT json_group_array({whole}) FROM things WHERE {here}"
        return self._db.execute(query, (kind, video)).fetchone()[0]

    def click_table(self) -> dict[str, tuple[Click, ...]]:
        """What training is given: each clicked video's clicks (s, class name) in order of time."""
        names = {item["id"]: item["name"] for item in self.classes()}
        table: dict[str, list[Click]] = {}
        for click in self.clicks():
            table.setdefault(click["video"], []).append(Click(click["time"], names[click["class"]]))
        return {video: tuple(clicks) for video, clicks in table.items()}

    def counts(self, kind: Kind) -> dict[str, int]:
        """Number of things of a kind by video; videos without any are left out."""
        query = "SELECT video, number FROM counts WHERE kind = ? AND number > 0"
        return dict(self._db.execute(query, (kind,)).fetchall())

    def revision(self) -> int:
        """Of the latest change; 0 before the first."""
        return self._db.execute("SELECT coalesce(max(revision), 0) FROM changes").fetchone()[0]

    def changes(self, since: int, most: int = 1000) -> list[Change]:
        """The first ``most`` changes after revision ``since``, in order."""
        query = f"SELECT {CHANGE} FROM changes WHERE revision > ? ORDER BY revision LIMIT ?"
        return [change_of(row) for row in self._db.execute(query, (since, most)).fetchall()]

    def note(self, key: str) -> str | None:
        """What ``Store.note`` kept."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _things(self, kind: Kind, video: str | None, order: str = "id") -> list[dict[str, Any]]:
        here, values = ("", (kind,)) if video is None else (" AND video = ?", (kind, video))
        query = f"SELECT id, version, value FROM things WHERE kind = ?{here} AND value IS NOT NULL"
        rows = self._db.execute(f"{query} ORDER BY {order}", values).fetchall()
        return [{"id": id, **json.loads(text), "version": version} for id, version, text in rows]


def change_of(row: Iterable[Any]) -> Change:
    """From the columns CHANGE."""
    kind, id, value, revision, client = row
    return Change(kind, id, None if value is None else json.loads(value), revision, client)
