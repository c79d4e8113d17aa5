"""HRPro: fit, predict, save, load. The one place where the stages meet."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hrpro.boundaries.offset import Offset
from hrpro.calibration import choose_min_score
from hrpro.config import Config
from hrpro.core.annotations import Detections
from hrpro.core.errors import ConfigError, DataError, HRProError, NonFiniteError, RunError
from hrpro.core.timeline import Timeline
from hrpro.data.array import feature_array
from hrpro.data.averaged import averaged
from hrpro.data.folder import Dataset
from hrpro.data.supervised import SupervisedSet
from hrpro.data.training_set import TrainingSet
from hrpro.halves import Halves
from hrpro.instance.fusion import fused
from hrpro.instance.stage import InstanceStage, Refined
from hrpro.methods import METHODS, StageOne
from hrpro.model_file import Stored, read_model, write_model
from hrpro.proposals.generate import Proposals, predicted_classes
from hrpro.proposals.peaks import peaks
from hrpro.proposals.scores import SnippetScores
from hrpro.proposals.suppress import soft_nms
from hrpro.training.devices import device_of, is_first
from hrpro.trust import best_weight, weigh
from hrpro.video.origin import Origin
from hrpro.video.store import common_origin
from hrpro.views import StageOneViews, boundary_offset, candidates, stage_two_input


class HRPro:
    """Point-supervised temporal action localizer.

    ``HRPro().fit(open_dataset(folder))`` learns from clicks,
    ``.predict(features, timeline)`` localizes actions, ``.predict_video(path)`` those of a video file.
    ``.origin`` tells how the features it learned from were made (None: elsewhere), ``.min_score`` from which
    score on its detections are worth showing (``calibration.py``).
    ``.weighed``: by what stage 2 was judged (``trust.py``).
    ``config`` None: settings that follow from the data. Stage 1 is ``.snippet``, stage 2 ``.instance``; a
    peer (``config.method``) has a stage 1 of its own and no other, and shares the rest.
    """

    def __init__(self, config: Config | None = None) -> None:
        if not isinstance(config, Config | None):
            raise ConfigError(f"settings must be a Config, not {config!r}", mend="see hrpro.config")
        self.config = self._given = config
        self.snippet: StageOne | None = None
        self.instance: InstanceStage | None = None
        self.timeline: Timeline | None = None
        self.origin: Origin | None = None
        self.min_score = 0.0
        self.offset = Offset()
        self.weighed: dict[float, float] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """The actions it knows, in the order of ``Detections.labels``."""
        return self._fitted().classes

    def fit(
        self,
        dataset: TrainingSet | SupervisedSet | Dataset,
        *,
        run_dir: str | Path | None = None,
        resume: bool = False,
        progress: bool = False,
        on_row: Callable[[Any], None] | None = None,
    ) -> HRPro:
        """Train all stages on clicks and return self.

        dataset: recordings and clicks; of a folder (``open_dataset``) the split train, the default clicks.
        A method that sees segments (``config.about.sees``) takes a SupervisedSet, or the folder.
        run_dir: keeps checkpoints and logs, so that a killed training can go on with ``resume``. on_row: is
        given each row of the log; those of the halves' networks have ``half``. Warns of features that
        do not fit their recordings' durations. Raises DataError, NonFiniteError, RunError or ConfigError, and
        is then the model it was before.
        """
        if not isinstance(dataset, TrainingSet | SupervisedSet | Dataset):
            what = f"there is nothing to learn from in {type(dataset).__name__}: {dataset!r}"
            raise DataError(what, mend="give open_dataset(folder), or its training_set()")
        method = METHODS["hrpro"] if self._given is None else self._given.about
        if isinstance(dataset, Dataset):
            dataset = dataset.supervised_set() if method.sees == "segments" else dataset.training_set()
        training_set = dataset.training_set if isinstance(dataset, SupervisedSet) else dataset
        if method.sees != "segments":
            dataset = training_set
        training_set.check_clicks()
        origin = common_origin((item.features.path, item.timeline) for item in training_set.recordings)
        timeline = training_set.recordings[0].timeline
        if (misfits := training_set.misfits()) and is_first():
            number, first = misfits
            others = f"{number} of {len(training_set.recordings)} recordings do not fit their durations: "
            warnings.warn(f"{others}{first}", stacklevel=2)
        config = self._given or Config.for_data(training_set)
        for section, own in config.learned().items():  # told before the hours of another
            device_of(own, section)
        dataset, training_set = dataset.coarser(config.pace), training_set.coarser(config.pace)
        kept: dict[str, Any] = {
            "run_dir": None if run_dir is None else Path(run_dir),
            "resume": resume,
            "progress": progress,
            "on_row": on_row,
        }
        snippet = method.stage_one().fit(dataset, config.stage_one, **kept)
        halves = Halves(training_set, config.snippet, **kept)
        fitted = HRPro.upon(snippet, training_set, config, halves=halves, **kept)
        fitted.origin, fitted.timeline = origin, timeline
        fitted.min_score = choose_min_score(fitted, training_set, halves)
        vars(self).update(vars(fitted) | {"_given": self._given})
        return self

    @classmethod
    def upon(
        cls,
        snippet: StageOne,
        training_set: TrainingSet,
        config: Config,
        *,
        halves: Halves | None = None,
        **kept: Any,
    ) -> HRPro:
        """A model with this stage 1, taught before, and all that is taught upon it; ``min_score`` is 0.

        training_set: as networks read it (``TrainingSet.coarser`` by ``config.pace``), as that of the stage.
        Without a ``completeness_weight`` in the settings, stage 2's network is judged by the ``halves`` of
        the training set (None: made for it), and left out where it adds nothing. kept: as for ``fit``. Raises
        as it does.
        """
        model = cls(config)
        model.snippet, model.timeline = snippet, training_set.recordings[0].timeline
        if "boundaries" in config.about.also:
            model.offset = boundary_offset(snippet, training_set, config)
        if config.stages > 1:
            views = StageOneViews(snippet, training_set, config, model.offset)
            told = {**kept, "made_from": views.made_from}
            model.instance = InstanceStage.fit(training_set.classes, views, config.instance, **told)
            config = model.config = replace(config, instance=model.instance.config)
            if config.instance.has_network and config.instance.completeness_weight == "judged":
                halves = halves or Halves(training_set, config.snippet, **kept)
                model.weighed = weigh(model, views.names, views.pools, halves)
                weight = best_weight(model.weighed, config.instance.fusion)
                own = replace(config.instance, completeness_weight=weight)
                if not weight and own.exemplar_weight:
                    own, model.instance = own.without_network(), model.instance.without_network()
                elif not weight:
                    config, model.instance = replace(config, stages=1), None
                model.config = replace(config, instance=own)
        return model

    def predict(self, features: NDArray[np.floating], timeline: Timeline | None = None) -> Detections:
        """Localize the actions of one recording.

        features [T, D], T >= 1, of the kind it was trained on; timeline: their snippet grid (None: that of
        the training set). Returns detections in seconds, best first, with peaks. Raises DataError or
        NonFiniteError.
        """
        stage, grid = self._fitted(), timeline or self.timeline
        assert grid is not None
        if not isinstance(grid, Timeline):
            raise DataError(f"the timeline must be a Timeline, not {grid!r}", mend="Timeline(stride=0.64)")
        features_td = feature_array(features)
        pace, length = self._config().pace, len(features_td)
        read_td = averaged(features_td, pace)
        # The last of the snippets that are read may be an average of fewer, and end earlier.
        found = self.detect(read_td, stage.scores(read_td)).moved(lambda at: np.minimum(at * pace, length))
        return found[found.segments[:, 1] > found.segments[:, 0]].moved(grid.to_seconds)

    def predict_video(self, path: str | Path, *, weights: str | Path | None = None) -> Detections:
        """Localize the actions of a video file, with the backbone that made the features it was trained on.

        weights: where the backbone's lie, if not where they lay at training. Returns detections within the
        video, in seconds, best first; those below ``min_score`` are doubtful. Raises DataError for a file
        that is no video, RunError for a model whose features were made elsewhere, ConfigError without the
        backbone or ``[video]``.
        """
        from hrpro.predictions import localize

        return localize(self, path, weights=weights)

    def detect(self, features_td: NDArray[np.float32], scores: SnippetScores) -> Detections:
        """As ``predict``, from stage-1 scores, in snippet coordinates. NonFiniteError if these overflowed."""
        found = self.read(features_td, scores)
        return self.ranked(scores, *found, self._config().instance.weight)

    def read(
        self, features_td: NDArray[np.float32], scores: SnippetScores
    ) -> tuple[Proposals, Refined | None]:
        """Candidates of a recording, from its stage-1 scores, and what stage 2, if there, says of them.

        NonFiniteError if the scores overflowed.
        """
        if not np.isfinite(scores.activation_tc).all():
            mend = "look for values far beyond those it was trained on"
            raise NonFiniteError("the network's scores overflow on these features", mend=mend)
        proposals = self.candidates(scores)
        if self.instance is None or not len(proposals):
            return proposals, None
        source = stage_two_input(self._config().instance.source, features_td, scores)
        return proposals, self.instance.refine(source, proposals)

    def ranked(
        self, scores: SnippetScores, proposals: Proposals, refined: Refined | None, weight: float | None
    ) -> Detections:
        """Detections, in snippet coordinates, of candidates whose completeness counts ``weight``; None: as if
        stage 2 had no network."""
        segments, labels, ranks = proposals.segments, proposals.labels, proposals.oic
        if refined is not None:
            rule = self._config().instance
            how = {"like": rule.like, "weight": weight or 0.0, "fusion": rule.fusion}
            ranks = fused(proposals.oic, refined.likeness, refined.completeness, **how)
            # Score-refined and boundary-refined part, as in the paper's inference.
            if weight is not None and rule.regression_weight:
                segments = np.concatenate([segments, refined.segments])
                labels = np.concatenate([labels, labels])
                told = (refined.refined_likeness, refined.refined_completeness)
                ranks = np.concatenate([ranks, fused(proposals.oic, *told, **how)])
        rule = self._config().suppress
        kept, final = soft_nms(
            segments, ranks, labels, sigma=rule.sigma, floor=rule.floor, limit=rule.limit or None
        )
        segments, labels = segments[kept], labels[kept]
        return Detections(
            segments, labels, final, self.classes, peaks(scores.activation_tc, segments, labels)
        )

    def candidates(self, scores: SnippetScores) -> Proposals:
        """Candidate proposals of a recording, in snippet coordinates."""
        if scores.proposals is not None:
            return scores.proposals
        config = self._config().proposals
        classes = predicted_classes(scores.activation_tc.max(0), config.video_threshold)
        return candidates(scores, classes, config, self.offset)

    def stage_one(self) -> HRPro:
        """The same model without stage 2, sharing its networks: candidates are ranked by their OIC score.

        ``min_score`` was chosen for the scores of both stages, and is 0 here.
        """
        alone = HRPro(replace(self._config(), stages=1))
        alone.snippet, alone.timeline, alone.origin = self.snippet, self.timeline, self.origin
        alone.offset = self.offset
        return alone

    def to(self, device: str | torch.device) -> HRPro:
        """Move all networks; predictions are computed there."""
        if self.snippet is not None:
            self.snippet.to(device)
        if self.instance is not None:
            self.instance.to(device)
        return self

    def save(self, path: str | Path) -> None:
        """Write the model into the folder ``path`` (settings as JSON, weights as safetensors), atomically."""
        snippet = self._fitted()
        config = self._config()
        if self.instance is None:
            config = replace(config, stages=1)
        assert self.timeline is not None
        networks = {"snippet": snippet.state_dict()}
        if self.instance is not None:
            networks["instance"] = self.instance.state_dict()
        about = (config, snippet.classes, snippet.dimension, self.timeline, networks)
        write_model(Path(path), Stored(*about, self.min_score, self.origin, self.offset, self.weighed))

    @classmethod
    def load(cls, path: str | Path, *, device: str | torch.device = "cpu") -> HRPro:
        """Read a model that ``save`` or ``hrpro train`` wrote (a run's folder will do). Raises RunError."""
        stored = read_model(Path(path))
        config = stored.config
        model = cls(config)
        model.timeline, model.origin, model.min_score = stored.timeline, stored.origin, stored.min_score
        model.offset, model.weighed = stored.offset, dict(stored.weighed)
        try:
            snippet = config.about.stage_one()(stored.classes, stored.dimension, config.stage_one)
            snippet.load_state_dict(stored.networks["snippet"])
            model.snippet = snippet
            if config.stages > 1:
                width = snippet.width
                dimensions = {"raw": stored.dimension, "embedded": width, "both": stored.dimension + width}
                dimension = dimensions[config.instance.source]
                model.instance = InstanceStage(stored.classes, dimension, config.instance)
                model.instance.load_state_dict(stored.networks["instance"])
        except (HRProError, RuntimeError) as error:
            what = "the model is damaged: its weights do not fit its settings"
            raise RunError(what, where=path, mend="train it anew") from error
        try:
            return model.to(device)
        except (AssertionError, RuntimeError, NotImplementedError) as error:
            raise RunError(f"the model cannot be placed on {device}: {error}", where=path) from error

    def _fitted(self) -> StageOne:
        if self.snippet is None:
            raise RunError("the model has not been trained", mend="call fit, or load a trained one")
        return self.snippet

    def _config(self) -> Config:
        self._fitted()
        assert self.config is not None
        return self.config
