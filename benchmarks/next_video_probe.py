"""Which score of the videos without clicks saves clicks: with a learner so cheap that hundreds of orders fit.

    python benchmarks/next_video_probe.py [--data hapt ...]    held-out TRAINING recordings: for tuning
    python benchmarks/next_video_probe.py --test               the test recordings: once, at the end

``next_video.py`` asks the same of the real training, where one order takes minutes and two trainings of the
same clicks differ by more than two orders do. Here the learner has no chance in it: kernel ridge regression,
as of snippet/exemplars.py, from the clicked snippets to their classes, judged by the mean over the classes of
the average precision at which it ranks the snippets of recordings that it does not learn from.

Every start is two recordings; each order then adds to them up to 3, 4, 6, 9 and 14, asked again each time,
and is compared with the mean of random orders from the same start. What is printed of an order: the
difference in the mean over these sizes, its standard error over the starts (--starts of them for each of
three splits of the recordings' people), in how many starts it was better, and how many recordings random
order needs to come where it comes with 3, 4, 6, 9 and 14.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrpro.core.annotations import Segment
from hrpro.data.folder import open_dataset
from hrpro.data.formats.activitynet import read_ground_truth
from hrpro.data.training_set import Recording, TrainingSet
from hrpro.studio.next_video import describe, propose

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SIZES = (2, 3, 4, 6, 9, 14)
SPLITS, RANDOM = 3, 6
EVERY = 6  # snippets: neighbours overlap, and one of them does for judging
GAMMA, RIDGE = 0.5, 0.1  # as the exemplars have them
Floats = NDArray[Any]


@dataclass
class World:
    """Recordings to choose from and what the learner needs of them; all snippets standardised.

    clicks: per recording, the rows of its clicks in ``classes_k`` [K]. likeness: of the clicks with each
    other [K, K], with the snippets to choose from [K, U], of recording ``of_u``, and with those to be judged
    [K, V], whose classes are ``truth_vc``. places_nd: what ``propose`` is given; middles_nd: means alone.
    """

    clicks: list[NDArray[np.int64]]
    classes_k: NDArray[np.int64]
    own_kk: Floats
    open_ku: Floats
    of_u: NDArray[np.int64]
    judged_kv: Floats
    truth_vc: NDArray[np.bool_]
    places_nd: Floats
    middles_nd: Floats

    def fit(self, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """(weights of the rows [k, C], what is added [C])."""
        targets_kc = np.eye(self.truth_vc.shape[1])[self.classes_k[rows]]
        gram = self.own_kk[np.ix_(rows, rows)] + RIDGE * np.eye(len(rows))
        return np.linalg.solve(gram, targets_kc - targets_kc.mean(0)), targets_kc.mean(0)

    def score(self, chosen: Sequence[int]) -> float:
        rows = np.concatenate([self.clicks[n] for n in chosen])
        weights_kc, mean_c = self.fit(rows)
        found_vc = mean_c + self.judged_kv[rows].T @ weights_kc
        seen = self.truth_vc.any(0)
        return float(
            np.mean([precision(f, t) for f, t in zip(found_vc.T[seen], self.truth_vc.T[seen], strict=True)])
        )

    def doubt(self, chosen: Sequence[int], name: str, rng: np.random.Generator) -> Floats:
        """Of each recording [n], the mean over its snippets."""
        rows = np.concatenate([self.clicks[n] for n in chosen])
        weights_kc, mean_c = self.fit(rows)
        found_uc = np.clip(mean_c + self.open_ku[rows].T @ weights_kc, 1e-3, None)
        found_uc /= found_uc.sum(1, keepdims=True)
        if name == "entropy":
            value_u = -(found_uc * np.log(found_uc)).sum(1)
        elif name == "margin":
            best_uc = np.sort(found_uc, axis=1)
            value_u = 1 - best_uc[:, -1] + best_uc[:, -2]
        elif name == "rare classes":
            value_u = (found_uc / (1 + np.bincount(self.classes_k[rows], minlength=found_uc.shape[1]))).sum(1)
        else:
            others = []
            for some in (np.unique(rng.choice(rows, len(rows))) for _ in range(4)):
                other_kc, other_c = self.fit(some)
                others.append(other_c + self.open_ku[some].T @ other_kc)
            value_u = np.std(others, axis=0).max(1)
        return np.bincount(self.of_u, value_u) / np.bincount(self.of_u)


def world(pool: TrainingSet, judged: Sequence[Recording], truth: dict[str, tuple[Segment, ...]]) -> World:
    features = {item.id: item.features.read_float32() for item in (*pool.recordings, *judged)}
    every = np.concatenate([features[item.id] for item in pool.recordings])
    mean_d, deviation_d = every.mean(0), every.std(0) + 1e-6
    features = {id: (x_td - mean_d) / deviation_d for id, x_td in features.items()}
    clicks, classes, clicked = [], [], []
    for item in pool.recordings:
        held = pool.clicks[item.id]
        clicks.append(np.arange(len(held)) + len(classes))
        classes += [pool.classes.index(click.label) for click in held]
        at = item.timeline.index([click.time for click in held], len(features[item.id]))
        clicked.append(features[item.id][at])
    clicked_kd = np.concatenate(clicked)
    spread = np.median(squares(clicked_kd, clicked_kd)) / GAMMA
    some = [features[item.id][::EVERY] for item in pool.recordings]
    wanted = [labels_of(item, truth[item.id], pool.classes, len(features[item.id])) for item in judged]

    def likeness(others_nd: Floats) -> Floats:
        return np.exp(-squares(clicked_kd, others_nd) / spread)

    return World(
        clicks,
        np.array(classes),
        likeness(clicked_kd).astype(np.float64),
        likeness(np.concatenate(some)),
        np.repeat(np.arange(len(some)), [len(part) for part in some]),
        likeness(np.concatenate([features[item.id][::EVERY] for item in judged])),
        np.concatenate([labels_tc[::EVERY] for labels_tc in wanted]),
        np.stack([describe([features[item.id]]) for item in pool.recordings]),
        np.stack([features[item.id].mean(0) for item in pool.recordings]).astype(np.float64),
    )


def squares(one_nd: Floats, other_md: Floats) -> Floats:
    return np.maximum((one_nd**2).sum(1)[:, None] + (other_md**2).sum(1) - 2 * one_nd @ other_md.T, 0)


def labels_of(
    item: Recording, segments: Sequence[Segment], classes: Sequence[str], length: int
) -> NDArray[np.bool_]:
    """Whether the middle of each snippet [T] lies in an action of each class [C]."""
    middles_t = item.timeline.to_seconds(np.arange(length) + 0.5)
    found_tc = np.zeros((length, len(classes)), bool)
    for one in segments:
        found_tc[(middles_t >= one.start) & (middles_t < one.end), classes.index(one.label)] = True
    return found_tc


def precision(score_n: Floats, right_n: NDArray[np.bool_]) -> float:
    ranked_n = right_n[np.argsort(-score_n, kind="stable")]
    return float((np.cumsum(ranked_n) / np.arange(1, len(ranked_n) + 1))[ranked_n].mean())


Order = Callable[[World, list[int], int, np.random.Generator], list[int]]


def farthest(chosen: list[int], count: int, places_nd: Floats) -> list[int]:
    """The one farthest from all chosen, again and again (k-center)."""
    scaled_nd = (places_nd - places_nd.mean(0)) / np.maximum(places_nd.std(0), 1e-9)
    more: list[int] = []
    for _ in range(count):
        near_n = np.min([np.linalg.norm(scaled_nd - scaled_nd[n], axis=1) for n in [*chosen, *more]], axis=0)
        more.append(int(near_n.argmax()))
    return more


def covering(chosen: list[int], count: int, places_nd: Floats, doubts_n: Floats | None = None) -> list[int]:
    """The studio's own."""
    clicked_n = np.isin(np.arange(len(places_nd)), chosen)
    return [one.video for one in propose(clicked_n, places_nd=places_nd, doubts_n=doubts_n, limit=count)]


def doubtful(w: World, chosen: list[int], count: int, doubt: str, rng: np.random.Generator) -> list[int]:
    value_n = w.doubt(chosen, doubt, rng)
    value_n[chosen] = -np.inf
    return [int(n) for n in np.argsort(-value_n, kind="stable")[:count]]


ORDERS: dict[str, Order] = {
    "farthest, means": lambda w, c, k, r: farthest(c, k, w.middles_nd),
    "farthest": lambda w, c, k, r: farthest(c, k, w.places_nd),
    "covering, means": lambda w, c, k, r: covering(c, k, w.middles_nd),
    "covering": lambda w, c, k, r: covering(c, k, w.places_nd),
    "covering and entropy": lambda w, c, k, r: covering(c, k, w.places_nd, w.doubt(c, "entropy", r)),
    "covering and disagreement": lambda w, c, k, r: covering(
        c, k, w.places_nd, w.doubt(c, "disagreement", r)
    ),
    "entropy": lambda w, c, k, r: doubtful(w, c, k, "entropy", r),
    "margin": lambda w, c, k, r: doubtful(w, c, k, "margin", r),
    "disagreement": lambda w, c, k, r: doubtful(w, c, k, "disagreement", r),
    "rare classes": lambda w, c, k, r: doubtful(w, c, k, "rare classes", r),
}


def climb(w: World, start: list[int], order: Order, rng: np.random.Generator) -> list[float]:
    chosen, scores = list(start), []
    for size in sizes(w):
        chosen += order(w, chosen, size - len(chosen), rng)
        scores.append(w.score(chosen))
    return scores


def at_random(w: World, chosen: list[int], count: int, rng: np.random.Generator) -> list[int]:
    left = np.setdiff1d(np.arange(len(w.clicks)), chosen)
    return [int(n) for n in rng.permutation(left)[:count]]


def sizes(w: World) -> list[int]:
    return [size for size in SIZES[1:] if size < len(w.clicks)]


def compare(worlds: Sequence[World], starts: int, names: Sequence[str]) -> None:
    base, found, begins = [], {name: [] for name in names}, []
    for place, w in enumerate(worlds):
        for seed in range(starts):
            rng = np.random.default_rng([place, seed])
            start = [int(n) for n in rng.permutation(len(w.clicks))[: SIZES[0]]]
            base.append(np.mean([climb(w, start, at_random, rng) for _ in range(RANDOM)], axis=0))
            begins.append(w.score(start))
            for name in names:
                found[name].append(climb(w, start, ORDERS[name], rng))
    base_sn = np.array(base)
    full = np.mean([w.score(range(len(w.clicks))) for w in worlds])
    curve = ", ".join(
        f"{size}: {value:.3f}" for size, value in zip(sizes(worlds[0]), base_sn.mean(0), strict=True)
    )
    print(f"{SIZES[0]} recordings: {np.mean(begins):.3f}; in random order {curve}; all: {full:.3f}\n")
    print("| order | gain | better in | what random order needs for the same |\n|---|---|---|---|")
    xs, ys = [SIZES[0], *sizes(worlds[0]), len(worlds[0].clicks)], [np.mean(begins), *base_sn.mean(0), full]
    for name in names:
        gain_sn = np.array(found[name]) - base_sn
        mean_s = gain_sn.mean(1)
        error = mean_s.std(ddof=1) / np.sqrt(len(mean_s))
        needed = np.interp(base_sn.mean(0) + gain_sn.mean(0), np.maximum.accumulate(ys), xs)
        words = ", ".join(f"{one:.1f}" for one in needed)
        row = f"{mean_s.mean():+.4f} +- {error:.4f} | {(mean_s > 0).mean():.0%} of {len(mean_s)} | {words}"
        print(f"| {name} | {row} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["hapt", "i3d_stitched", "ucf_untrimmed"])
    parser.add_argument("--points", default="point_human.csv")
    parser.add_argument("--starts", type=int, default=10, help="for each split")
    parser.add_argument("--orders", nargs="+", default=list(ORDERS), choices=list(ORDERS))
    parser.add_argument(
        "--test", action="store_true", help="judged on the test recordings; SPLITS times the starts"
    )
    args = parser.parse_args()
    for name in args.data:
        dataset = open_dataset(SHARED / name)
        assert dataset.ground_truth_path is not None
        truth = dict(read_ground_truth(dataset.ground_truth_path).videos)
        pool = dataset.training_set(args.points)
        if args.test:
            worlds, starts = [world(pool, dataset.recordings("test"), truth)], SPLITS * args.starts
        else:
            worlds, starts = [world(*held_out(pool, part), truth) for part in range(SPLITS)], args.starts
        print(f"\n{name}, {'test recordings' if args.test else 'held-out training recordings'}\n")
        compare(worlds, starts, args.orders)


def held_out(pool: TrainingSet, part: int) -> tuple[TrainingSet, list[Recording]]:
    """(recordings to choose from, those of every third person to judge on)."""
    people = [re.sub(r".*_(user\d+)$", r"\1", item.id) for item in pool.recordings]
    out = set(sorted(set(people))[part::SPLITS])
    kept = [item.id for item, who in zip(pool.recordings, people, strict=True) if who not in out]
    return pool.subset(kept), [item for item in pool.recordings if item.id not in kept]


if __name__ == "__main__":
    main()
