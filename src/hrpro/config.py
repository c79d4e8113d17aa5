"""All settings of a model, composed of each room's own; presets; and those that follow from the data."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpro.core.errors import ConfigError
from hrpro.instance.config import InstanceConfig
from hrpro.proposals.generate import GenerateConfig
from hrpro.proposals.suppress import SuppressConfig
from hrpro.snippet.config import SnippetConfig

if TYPE_CHECKING:
    from hrpro.data.training_set import TrainingSet


@dataclass(frozen=True)
class Config:
    """Settings of both stages and of what lies between and after them."""

    stages: int = 2
    """2: the whole method; 1: stage 1 alone, whose candidates are ranked by their OIC score."""
    snippet: SnippetConfig = field(default_factory=SnippetConfig)
    proposals: GenerateConfig = field(default_factory=GenerateConfig)
    instance: InstanceConfig = field(default_factory=InstanceConfig)
    suppress: SuppressConfig = field(default_factory=SuppressConfig)

    def __post_init__(self) -> None:
        if self.stages not in (1, 2):
            raise ConfigError(f"must be 1 or 2, not {self.stages}", where="stages")

    def as_dict(self) -> dict[str, Any]:
        """Nested plain values, for YAML or JSON; ``settings.build`` reads them back."""
        return json.loads(json.dumps(asdict(self)))

    def with_seed(self, seed: int) -> Config:
        """The same settings with another seed in both stages."""
        return replace(
            self, snippet=replace(self.snippet, seed=seed), instance=replace(self.instance, seed=seed)
        )

    @classmethod
    def for_data(cls, training_set: TrainingSet) -> Config:
        """Settings for data without a preset, from its size alone.

        Steps grow with the square root of the number of recordings, so that small sets are not learned by
        heart and large ones are seen often enough; networks grow with the number of clicks. The fewer
        clicks, the more one network's luck weighs, and the less several cost; and the more of them taught
        completeness, the more it is trusted.
        """
        recordings = len(training_set.recordings)
        clicks = sum(map(len, training_set.clicks.values()))
        steps = min(max(round(40 * math.sqrt(recordings)), 150), 4000)
        width = 512 if clicks >= 5000 else 256
        members = 4 if clicks < 2000 else 2 if clicks < 10_000 else 1
        trust = round(10 * clicks / (clicks + 1000)) / 20
        base = cls()
        return replace(
            base,
            snippet=replace(base.snippet, steps=steps, hidden=width, members=members),
            instance=replace(
                base.instance, steps=round(1.5 * steps), hidden=width, completeness_weight=trust
            ),
        )


def preset_path(name: str) -> Path:
    """The YAML file of a preset. ConfigError, naming those there are, for an unknown one."""
    folder = Path(str(files("hrpro") / "presets"))
    known = {path.stem: path for path in folder.glob("*.yaml")}
    if name not in known:
        mend = f"take one of {', '.join(sorted(known))}"
        raise ConfigError(f"there is no preset {name!r}", where="--preset", mend=mend)
    return known[name]
