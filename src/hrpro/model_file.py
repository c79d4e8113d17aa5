"""A trained model on disk: a folder with model.json and one safetensors file a stage; nothing is pickled."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

import hrpro
from hrpro.boundaries.offset import Offset
from hrpro.config import Config
from hrpro.core.errors import HRProError, RunError
from hrpro.core.timeline import Timeline
from hrpro.model_folder import DESCRIPTION, model_folder, set_aside
from hrpro.settings import build
from hrpro.training.checkpoint import checksum, flush
from hrpro.video.origin import Origin

FORMAT = 2


@dataclass(frozen=True, eq=False)
class Stored:
    """All that a model is: settings, classes, feature dimension, snippet grid, and weights by stage.

    min_score: from which score on a detection is shown to people. origin: how its features were made; None:
    elsewhere. offset: of all boundaries of candidates. weighed: mAP by weight of completeness, by which
    stage 2 was judged (``trust.py``).
    """

    config: Config
    classes: tuple[str, ...]
    dimension: int
    timeline: Timeline
    networks: Mapping[str, Mapping[str, Tensor]]
    min_score: float = 0.0
    origin: Origin | None = None
    offset: Offset = Offset()  # noqa: RUF009
    weighed: Mapping[float, float] = field(default_factory=dict)


def write_model(path: Path, stored: Stored) -> None:
    """Write into the folder ``path``; an older model there is replaced whole.

    It is on the disk when this returns. A process killed on the way leaves the older model or this one, which
    ``read_model`` finds at ``path`` all the same. RunError if it cannot be written, or if ``path`` is there
    already and is no model.
    """
    path = Path(os.path.realpath(path))  # a link to a model stays one, and "." has a name
    if path.exists() and not (path / DESCRIPTION).is_file() and (path.is_file() or any(path.iterdir())):
        raise RunError("is there already and is no model", where=path, mend="name another folder")
    partial, old = path.with_name(f".{path.name}.partial"), set_aside(path)
    description = {
        "format": FORMAT,
        "hrpro": hrpro.__version__,
        "classes": list(stored.classes),
        "dimension": stored.dimension,
        "timeline": asdict(stored.timeline),
        "config": stored.config.as_dict(),
        "min_score": stored.min_score,
        "offset": asdict(stored.offset),
        "weighed": list(stored.weighed.items()),
        "features": None if stored.origin is None else stored.origin.as_dict(),
    }
    try:
        if (old / DESCRIPTION).is_file() and not (path / DESCRIPTION).is_file():
            shutil.rmtree(path, ignore_errors=True)  # an empty folder, at most
            os.replace(old, path)
        for rest in (partial, old):
            shutil.rmtree(rest, ignore_errors=True)
        partial.mkdir(parents=True)
        checksums = {}
        for name, tensors in stored.networks.items():
            whole = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
            file = partial / f"{name}.safetensors"
            save_file(whole, file)
            file.chmod(0o666 & ~_umask())  # safetensors makes it readable by its owner alone
            checksums[name] = checksum(file)
        content = json.dumps({**description, "checksums": checksums}, indent=1)
        (partial / DESCRIPTION).write_text(content, encoding="utf-8")
        for written in (*partial.iterdir(), partial):
            flush(written)
        if path.exists():
            os.replace(path, old)
        os.replace(partial, path)
        flush(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise RunError(f"the model cannot be written: {error}", where=path) from error


def read_model(path: Path) -> Stored:
    """Read a model's folder, or the folder of the run it lies in. RunError says what is missing or broken."""
    folder = model_folder(path)
    file = folder / DESCRIPTION
    if not file.is_file():
        begun = (path / "checkpoints").is_dir()
        raise RunError(
            "the training is not finished" if begun else "there is no trained model here",
            where=path,
            mend="go on with hrpro train --resume" if begun else "name the folder given to hrpro train --run",
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise RunError(f"the model has format {content['format']}, not {FORMAT}", where=file)
        if "instance" in content["config"]:  # written before stage 2 had exemplars, it has none
            content["config"]["instance"].setdefault("exemplar_weight", 0.0)
        config = build(Config(), content["config"], where=file)
        names = ["snippet", "instance"][: config.stages]
        for name in names:
            if checksum(folder / f"{name}.safetensors") != content["checksums"][name]:
                raise ValueError(f"{name}.safetensors does not match its checksum")
        return Stored(
            config,
            tuple(content["classes"]),
            int(content["dimension"]),
            Timeline(**content["timeline"]),
            {name: load_file(folder / f"{name}.safetensors") for name in names},
            float(content.get("min_score", 0.0)),
            Origin.from_dict(content["features"], file) if content.get("features") else None,
            Offset(**content.get("offset", {})),
            {float(weight): float(value) for weight, value in content.get("weighed", [])},
        )
    except RunError:
        raise
    except HRProError as error:
        raise RunError(f"the model's settings cannot be read: {error}", where=file) from error
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunError(f"the model is damaged: {error!r}", where=folder, mend="train it anew") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
