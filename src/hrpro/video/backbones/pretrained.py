"""Models of transformers: fetched or found, their kind known, their weights read safely and completely.

No code of a model's repository is ever run, and weights come from safetensors, or from PyTorch files without
unpickling objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from hrpro.core.errors import ConfigError, DataError

# By name: the types of all its models would take the checker half a minute, and decide nothing here.
transformers: Any = import_module("transformers")
logging: Any = import_module("transformers.utils.logging")


@dataclass(frozen=True)
class Family:
    """How an architecture is run: its class, videos or images, and what is taken as its vector.

    pool: "first" (the class token), "mean" (of all tokens) or "pooler" (the network's own head).
    """

    model: str
    pool: str
    video: bool = False
    skip: bool = False  # V-JEPA 2's predictor is of no use here


FAMILIES = {
    "videomae": Family("VideoMAEModel", "mean", video=True),
    "timesformer": Family("TimesformerModel", "first", video=True),
    "vivit": Family("VivitModel", "first", video=True),
    "vjepa2": Family("VJEPA2Model", "mean", video=True, skip=True),
    "clip": Family("CLIPVisionModel", "pooler"),
    "clip_vision_model": Family("CLIPVisionModel", "pooler"),
    "siglip": Family("SiglipVisionModel", "pooler"),
    "siglip_vision_model": Family("SiglipVisionModel", "pooler"),
    "dinov2": Family("Dinov2Model", "first"),
    "dinov2_with_registers": Family("Dinov2WithRegistersModel", "first"),
    "dinov3_vit": Family("DINOv3ViTModel", "first"),
    "dinov3_convnext": Family("DINOv3ConvNextModel", "pooler"),
    "vit": Family("ViTModel", "first"),
}


def folder_of(model: str) -> Path:
    """The model's files on this machine, fetched first if need be."""
    if (path := Path(model).expanduser()).is_dir():
        return path
    settings = ["config.json", "*preprocessor_config.json", "processor_config.json"]
    try:
        for kind in ("model{}.safetensors", "pytorch_model{}.bin"):
            wanted = [kind.format(part) for part in ("", "-*-of-*", ".index")]
            patterns = [*settings, *wanted[:2], f"{kind.format('')}.index.json"]
            folder = Path(snapshot_download(model, allow_patterns=patterns))
            if any(folder.glob(kind.format("*"))):
                break
        return folder
    except Exception as error:  # of the network, the hub, the name, the disk: one line for all
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ConfigError(
            f"is no folder here, and could not be fetched: {reason}",
            where=model,
            mend="give a folder that holds the model, or use --backbone classic",
        ) from error


def config_of(folder: Path, where: str) -> Any:
    try:
        return transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ConfigError(f"holds no model that transformers knows: {reason}", where=where) from error


def family_of(config: Any, where: str) -> Family:
    """The table's, else any other image encoder, its tokens averaged."""
    if config.model_type in FAMILIES:
        family = FAMILIES[config.model_type]
        if not hasattr(transformers, family.model):
            raise ConfigError(
                f"transformers {transformers.__version__} does not have {family.model}",
                where=where,
                mend="pip install -U transformers",
            )
        return family
    model: Any = transformers.MODEL_MAPPING.get(type(config), None)
    if getattr(model, "main_input_name", None) != "pixel_values":
        raise ConfigError(
            f"{config.model_type!r} is neither a known video encoder nor an image encoder",
            where=where,
            mend=f"known: {', '.join(FAMILIES)}, and others that take pixel_values alone",
        )
    return Family(model.__name__, "mean")


def weight_files(folder: Path) -> list[Path]:
    """The weights' files, in order; safetensors before PyTorch's own."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = folder / f"{name}.index.json"
        if index.is_file():
            try:
                shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            except (ValueError, KeyError, AttributeError) as error:
                raise DataError("is not an index of weights", where=index) from error
            files = [folder / shard for shard in shards]
            if missing := [path.name for path in files if not path.is_file()]:
                raise DataError(f"lacks {', '.join(missing)}", where=folder, mend="fetch the model again")
            return files
        if (folder / name).is_file():
            return [folder / name]
    raise DataError(
        "there is no model.safetensors", where=folder, mend="save the model there: save_pretrained"
    )


def load(family: Family, folder: Path, files: list[Path], where: str) -> Any:
    try:
        with _quiet():
            model, found = getattr(transformers, family.model).from_pretrained(
                folder,
                use_safetensors=files[0].suffix == ".safetensors",
                weights_only=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # the readers raise whatever a broken file leads them to
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(f"the weights cannot be loaded: {reason}", where=where) from error
    # A head that is not used may be absent; anything else would be left at random.
    missing = [name for name in found["missing_keys"] if family.pool == "pooler" or "pooler." not in name]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"the weights lack {sorted(missing)[0]}{more}", where=where)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' bars and tables: the parts that are not loaded are left out on purpose."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
