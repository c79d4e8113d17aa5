"""Where a trained model lies, and which one it is: known without PyTorch, which reading its weights needs."""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER, DESCRIPTION = "model", "model.json"
DOUBTED = "doubted_clicks.csv"
"""Beside the model: the clicks that its training did not believe, if there were any."""


def model_folder(path: Path) -> Path:
    """Where the model of a folder, or a run's, lies: aside, if its writer was killed while replacing it."""
    inside = path / FOLDER
    places = (path, inside, set_aside(path.absolute()), set_aside(inside))
    return next((place for place in places if (place / DESCRIPTION).is_file()), inside)


def is_trained(run: Path) -> bool:
    """Whether a run's folder holds a whole model, set aside or not."""
    return (model_folder(run / FOLDER) / DESCRIPTION).is_file()


def set_aside(path: Path) -> Path:
    """Where the model of ``path`` is while the next one takes its place."""
    return path.parent / f".{path.name}.old"


def fingerprint(path: Path) -> str:
    """Tells one model from another: sha256 of its description, which holds its weights' checksums.

    Empty for a folder without a model, which ``read_model`` will say.
    """
    file = model_folder(path) / DESCRIPTION
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
