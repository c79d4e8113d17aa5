"""All settings of a model, composed of each room's own; presets; and those that follow from the data."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpro.boundaries.config import BoundaryConfig
from hrpro.core.errors import ConfigError
from hrpro.instance.config import InstanceConfig
from hrpro.methods import METHODS, Method, method_of
from hrpro.peers.cola.config import ColaConfig
from hrpro.peers.full.config import DenseConfig
from hrpro.peers.lacp.config import LACPConfig
from hrpro.peers.sfnet.config import SFNetConfig
from hrpro.proposals.config import GenerateConfig, SuppressConfig
from hrpro.snippet.config import SnippetConfig
from hrpro.training.config import TrainingConfig
from hrpro.workload import bounded

if TYPE_CHECKING:
    from hrpro.data.training_set import TrainingSet


@dataclass(frozen=True)
class Config:
    """Settings of a method's stages and of what lies between and after them."""

    method: str = "hrpro"
    """What learns: hrpro, or a peer, or a bound (``methods.METHODS``)."""
    stages: int = 2
    """1: stage 1 alone, as in the peers: candidates are ranked by their OIC score; 2: HR-Pro as a whole."""
    pace: int = 1
    """Snippets that are averaged to one before anything is learned or found (ours)."""
    snippet: SnippetConfig = field(default_factory=SnippetConfig)
    proposals: GenerateConfig = field(default_factory=GenerateConfig)
    instance: InstanceConfig = field(default_factory=InstanceConfig)
    suppress: SuppressConfig = field(default_factory=SuppressConfig)
    boundaries: BoundaryConfig = field(default_factory=BoundaryConfig)
    sfnet: SFNetConfig = field(default_factory=SFNetConfig)
    lacp: LACPConfig = field(default_factory=LACPConfig)
    cola: ColaConfig = field(default_factory=ColaConfig)
    full: DenseConfig = field(default_factory=DenseConfig)

    def __post_init__(self) -> None:
        known = method_of(self.method)
        if self.stages not in known.stages:
            choices = " or ".join(map(str, known.stages))
            raise ConfigError(f"must be {choices} for {self.method}, not {self.stages}", where="stages")
        if self.pace < 1:
            raise ConfigError(f"must be at least 1, not {self.pace}", where="pace")

    @property
    def about(self) -> Method:
        """The method that learns."""
        return METHODS[self.method]

    @property
    def stage_one(self) -> TrainingConfig:
        """Settings of the method's stage 1."""
        return getattr(self, self.about.section)

    def learned(self) -> dict[str, TrainingConfig]:
        """By section, the settings of all that this method trains."""
        later = ["instance"] if 2 in self.about.stages else []
        return {name: getattr(self, name) for name in (self.about.section, *later)}

    def as_dict(self) -> dict[str, Any]:
        """Nested plain values, for YAML or JSON, without what the method does not read; ``settings.build``
        reads them back."""
        read = {"proposals", "suppress", *self.learned(), *self.about.also}
        unread = set(SECTIONS) - read
        kept = {name: value for name, value in asdict(self).items() if name not in unread}
        return json.loads(json.dumps(kept))

    def with_seed(self, seed: int) -> Config:
        """The same settings with another seed in all that is trained."""
        return replace(self, **{name: replace(part, seed=seed) for name, part in self.learned().items()})

    def with_method(self, name: str) -> Config:
        """The settings of another method for the same data: steps, width, and what bounds a step's memory and
        time are those of HR-Pro's stage 1."""
        method = method_of(name)
        changes = dict(method.settings)
        if method.section != "snippet":
            own = getattr(self, method.section)
            changes = {
                "steps": self.snippet.steps,
                "hidden": self.snippet.hidden or 256,
                "batch_size": min(own.batch_size, self.snippet.batch_size),
                "accumulate": max(own.accumulate, self.snippet.accumulate),
                **changes,
            }
        parts: dict[str, Any] = {method.section: replace(getattr(self, method.section), **changes)}
        parts["instance"] = replace(self.instance, **method.instance)
        return replace(self, method=name, stages=max(method.stages), **parts)

    @classmethod
    def for_data(cls, training_set: TrainingSet) -> Config:
        """Settings for data without a preset, from its size and how alike neighbouring snippets are.

        Steps grow with the square root of the number of recordings, so that small sets are not learned by
        heart and large ones are seen often enough; networks grow with the number of clicks. The fewer
        clicks, the more one network's luck weighs, and the less several cost; of many, one network learns
        more in more steps than two in as many together. What follows from long recordings and few
        dimensions: ``workload.bounded``; from snippets that say the same: ``data/pace.py``. Raises what
        reading features does.
        """
        from hrpro.data.pace import pace  # which needs PyTorch, and help is asked for without

        recordings = len(training_set.recordings)
        clicks = sum(map(len, training_set.clicks.values()))
        several = clicks < 2000
        steps = min(max(round(40 * math.sqrt(recordings)), 150), 4000)
        longer = 1 if several else 1.4
        width = 512 if clicks >= 5000 else 256
        base = cls()
        chosen = replace(
            base,
            pace=pace(training_set),
            snippet=replace(
                base.snippet, steps=round(longer * steps), hidden=width, members=4 if several else 1
            ),
            instance=replace(base.instance, steps=round(1.5 * steps), hidden=width),
        )
        return bounded(chosen, training_set.coarser(chosen.pace))


SECTIONS = tuple(one.name for one in fields(Config) if one.name not in ("method", "stages", "pace"))


def preset_path(name: str) -> Path:
    """The YAML file of a preset. ConfigError, naming those there are, for an unknown one."""
    folder = Path(str(files("hrpro") / "presets"))
    known = {path.stem: path for path in folder.glob("*.yaml")}
    if name not in known:
        mend = f"take one of {', '.join(sorted(known))}"
        raise ConfigError(f"there is no preset {name!r}", where="--preset", mend=mend)
    return known[name]
