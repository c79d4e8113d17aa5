"""What every route is given: the open project, its database, its stream, and who knows more about videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hrpro.studio.live import Live
from hrpro.studio.project import Project
from hrpro.studio.store import Store

if TYPE_CHECKING:
    from hrpro.studio.jobs import Jobs

VideoFacts = Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]
"""Given ids of videos, some fields of their Video JSON, by id. Runs in a thread; must be quick."""
ProjectFacts = Callable[[], Mapping[str, Any]]
"""Some fields of GET /api/project."""


@dataclass
class Studio:
    """One open project. ``router(state)`` of each part gets it and may add to ``video_facts`` (media: url,
    playable, thumbs; jobs: features, predicted, reviewed), ``project_facts`` (runs, can) and ``closing``.
    """

    project: Project
    store: Store
    live: Live
    jobs: Jobs | None = None
    video_facts: list[VideoFacts] = field(default_factory=list)
    project_facts: list[ProjectFacts] = field(default_factory=list)
    closing: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def open(cls, project: Project) -> Studio:
        """Open the database (made if need be) and the stream.

        A data set's clicks come in once, when there first are some: until then the folder may have been one
        of videos, or its table broken.
        """
        live = Live()
        store = Store(project.database, project.durations, listen=live.publish_changes)
        if not store.imported():
            classes, clicks = project.first_clicks()
            if clicks or (classes and not store.classes()):
                store.import_clicks(classes, clicks)
        return cls(project, store, live)

    def close(self) -> None:
        """End the streams, then what was added to ``closing``, then the database."""
        self.live.close()
        for close in reversed(self.closing):
            close()
        self.store.close()
