"""Hypothesis for the whole suite: no deadlines on busy machines; in CI the same examples at every run."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# Plugins that tests also import from: unless told before, pytest warns that their asserts stay bare.
pytest.register_assert_rewrite(
    "clicked_films", "studio_browser", "studio_fixtures", "studio_media", "studio_site"
)

# Side by side, each has a core, and so have the processes that it starts.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell starts its background jobs deaf to Ctrl-C, and their children with them; the tests that send one to
# the command would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Minutes each. Begun last, one of them would leave the other workers with nothing to do.
LONG = [
    "test_studio_browser_review.py",
    "test_studio_browser_train.py",
    "test_compare.py",
    "test_video_ray.py",
    "test_cli_runs.py",
    "test_studio_browser_click.py",
    "test_video_predict.py",
    "test_studio_worker.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first; side by side that needs ``--no-loadscope-reorder``."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))
