"""SoccerNet's action spotting: moments in milliseconds of a game's half, one game a file.

``UrlLocal`` names the game, ``gameTime`` ("1 - 12:34") the half. A half is a video of its own,
``game/half`` here. Read are labels (``annotations``, as in Labels-v2.json) and spotted actions
(``predictions``, whose confidence has no place with a click). Written are labels.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hrpro.core.errors import DataError
from hrpro.data.formats.form import Format, Source
from hrpro.data.formats.jsonkeys import listing, mapping
from hrpro.data.formats.jsonplace import Place
from hrpro.data.formats.neutral import Annotations, Collector, seconds

_TITLE = "SoccerNet's action spotting"


def looks(source: Source) -> bool:
    if not isinstance(source.json, dict):
        return False
    rows = source.json.get("annotations", source.json.get("predictions"))
    if not isinstance(rows, list) or not (rows or "UrlLocal" in source.json):
        return False
    return not rows or any(isinstance(row, dict) and "gameTime" in row for row in rows[:50])


def read(source: Source) -> Annotations:
    found, top = Collector(), Place(source.path)
    content = mapping(source.json, top)
    game = str(content.get("UrlLocal") or "").strip().removesuffix("/") or source.path.stem
    key = "annotations" if "annotations" in content else "predictions"
    for i, value in enumerate(listing(content.get(key), top.at(key))):
        where = top.at(key, i)
        row = mapping(value, where)
        clock = re.fullmatch(
            r"\s*([1-9]\d{0,2})\s*-\s*(\d{1,6}):([0-5]?\d)\s*", str(row.get("gameTime")), re.ASCII
        )
        if clock is None:
            raise DataError(f'gameTime must be like "1 - 12:34", not {row.get("gameTime")!r}', where=where)
        time = 60.0 * int(clock[2]) + int(clock[3])
        if row.get("position") is not None:
            time = seconds(row["position"], "the position in milliseconds", where) / 1000
        found.click(f"{game}/{clock[1]}", time, row.get("label"), where)
        found.leave_out("confidence", "confidence" in row)
        found.leave_out("team", str(row.get("team", "not applicable")) != "not applicable")
        found.leave_out("off-screen mark", row.get("visibility") == "not shown")
    return found.finish()


def game_of(video: str) -> str:
    """The game of a half's id: all before its last ``/`` and number, or the id itself."""
    return re.sub(r"(?<=.)/[1-9][0-9]{0,2}\Z", "", video)


def renamed(video: str) -> str:
    """A video's id as it is read back: a half of a game."""
    return video if game_of(video) != video else f"{video}/1"


def write(annotations: Annotations) -> str:
    rows: list[tuple[int, int, dict[str, Any]]] = []
    games = {game_of(id) for id in annotations.videos}
    assert len(games) == 1
    for id, video in annotations.videos.items():
        half = int(id.rpartition("/")[2])
        for click in video.clicks:
            position = round(click.time * 1000)
            minutes, rest = divmod(position // 1000, 60)
            row = {
                "gameTime": f"{half} - {minutes:02}:{rest:02}",
                "label": click.label,
                "position": str(position),
            }
            rows.append((half, position, {**row, "team": "not applicable", "visibility": "visible"}))
    rows.sort(key=lambda row: row[:2])
    payload = {"UrlLocal": games.pop() + "/", "UrlYoutube": "", "annotations": [row for _, _, row in rows]}
    return json.dumps(payload, allow_nan=False, ensure_ascii=False, indent=1) + "\n"


FORMAT = Format(
    "soccernet",
    _TITLE,
    ".json",
    frozenset({"click"}),
    looks,
    read,
    write,
    unit="ms",
    file_of=game_of,
    renamed=renamed,
)
