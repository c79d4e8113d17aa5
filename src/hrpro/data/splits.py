"""Which recordings a split holds, and where their features lie.

A split holds what its list names (a split file, or ``splits`` in dataset.yaml); where nothing is listed for
it, what lies in ``features/<split>/``. Recordings lying directly in ``features/`` and listed nowhere fill
``train`` and ``test`` as far as these are still open: with a click in the default click table they go to
``train``, the rest goes to ``test``. To train on a recording without any click, list it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from hrpro.data.features import SUFFIXES
from hrpro.data.layout import Layout, Member

FEATURES = "features"


@dataclass(frozen=True)
class FeatureFolder:
    """Feature files below ``features/``: by folder ('' for features/ itself), then by recording id."""

    files: dict[str, dict[str, list[Path]]]

    @classmethod
    def scan(cls, root: Path) -> FeatureFolder:
        """List the features of the dataset folder ``root``; empty if it has none."""
        top = root / FEATURES
        if not top.is_dir():
            return cls({})
        folders = [top, *sorted(path for path in top.iterdir() if path.is_dir())]
        files: dict[str, dict[str, list[Path]]] = {}
        for folder in folders:
            for path in sorted(folder.iterdir()):
                if path.suffix in SUFFIXES and not path.name.startswith("."):
                    held = files.setdefault("" if folder == top else folder.name, {})
                    held.setdefault(path.name.removesuffix(path.suffix), []).append(path)
        return cls(files)

    def find(self, id: str, split: str) -> list[Path]:
        """The recording's files in features/<split>/, else in features/ itself; none if it has none."""
        for folder in (split, ""):
            if paths := self.files.get(folder, {}).get(id):
                return paths
        return []


def members_by_split(
    layout: Layout, features: FeatureFolder, clicked: Callable[[], Collection[str]]
) -> dict[str, tuple[Member, ...]]:
    """Every split's recordings as listed (an id listed twice stays twice), train and test first.

    clicked: gives the ids that the default click table names; asked only if recordings have to go by it.
    """
    found = dict(layout.splits)
    for folder, files in features.files.items():
        if folder and folder not in found and (folder in ("train", "test") or not layout.splits):
            found[folder] = tuple(Member(id, str(paths[0])) for id, paths in files.items())
    placed = {member.id for members in found.values() for member in members}
    loose = [Member(id, str(p[0])) for id, p in features.files.get("", {}).items() if id not in placed]
    if loose and "train" not in found:
        with_click = clicked()
        found["train"] = tuple(member for member in loose if member.id in with_click)
        loose = [member for member in loose if member.id not in with_click]
    if loose and "test" not in found:
        found["test"] = tuple(loose)
    order = sorted(found, key=lambda name: (name != "train", name != "test", name))
    return {name: found[name] for name in order if found[name] or name in layout.splits}
