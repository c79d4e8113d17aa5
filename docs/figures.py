"""The pictures of idea.md, from a real run: the films, clicks, scores and proposals of ``hrpro demo``.

hrpro demo --out demo
python docs/figures.py demo        reads the run anew into images/idea.json, then draws
python docs/figures.py             draws from images/idea.json
python docs/figures.py --check     exit code 1 if a picture is not what images/idea.json gives
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from svg import COLOURS, INK, LEFT, RIGHT, SOFT, Sheet

IMAGES = Path(__file__).parent / "images"
DATA = IMAGES / "idea.json"
LEARNED, TESTED = "train_006", "test_003"
GREY, FAINT = "#9aa1ab", 0.25


def main(words: list[str]) -> int:
    if words and words != ["--check"]:
        DATA.write_text(json.dumps(collect(Path(words[0]))) + "\n", encoding="utf-8")
    data = json.loads(DATA.read_text(encoding="utf-8"))
    stale = []
    for draw in (clicks, labels, proposals, found):
        path, text = IMAGES / f"idea-{draw.__name__}.svg", draw(data)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if words != ["--check"]:
                path.write_text(text, encoding="utf-8", newline="\n")
    print(", ".join(stale) or "nothing", "stale" if words == ["--check"] else "drawn anew")
    return int(words == ["--check"] and bool(stale))


def collect(demo: Path) -> dict[str, Any]:
    """What the pictures show of a demo's folder: of one film that it learned from and one it did not."""
    import cv2

    from hrpro import HRPro
    from hrpro.data.clicks import read_clicks
    from hrpro.data.features import FeatureFile
    from hrpro.data.formats.activitynet import read_ground_truth
    from hrpro.proposals.generate import generate
    from hrpro.proposals.rank import low_attention, negative_proposals, rank
    from hrpro.snippet.pseudo_labels import mine
    from hrpro.video.decode import frames

    model = HRPro.load(demo / "run")
    snippet = model.snippet
    assert snippet is not None
    assert model.instance is not None
    assert model.instance.network is not None
    assert model.config is not None
    assert model.timeline is not None
    grid, settings = model.timeline, model.config
    truth = read_ground_truth(demo / "gt_full.json").videos

    def curves(id: str) -> tuple[Any, Any, dict[str, Any]]:
        features_td = FeatureFile(demo / "features" / f"{id}.safetensors").read_float32()
        scores = snippet.scores(features_td)
        about = {
            "seconds": grid.duration_of(len(features_td)),
            "attention": _round(scores.attention_t),
            "activation": _round(scores.activation_tc.T),
            "truth": [[s.start, s.end, model.classes.index(s.label)] for s in truth[id]],
        }
        return features_td, scores, about

    def pictures(id: str, moments: list[float]) -> list[str]:
        folder = "train" if id.startswith("train") else "test"
        wanted = {round(25 * moment): moment for moment in moments}
        kept: dict[float, str] = {}
        for number, frame in enumerate(frames(demo / f"videos/{folder}/{id}.mp4", rate=25)):
            if number in wanted:
                small = cv2.cvtColor(
                    cv2.resize(frame, (112, 84), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR
                )
                jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 78])[1]
                kept[wanted[number]] = base64.b64encode(jpeg.tobytes()).decode()
        return [kept[moment] for moment in moments]

    _, scores, learned = curves(LEARNED)
    rows = sorted(
        (r for r in read_clicks(demo / "clicks.csv", lambda _: 25) if r.video == LEARNED),
        key=lambda r: r.time,
    )
    moments = [row.time for row in rows]
    snippet_n = grid.index(moments, len(scores.attention_t))
    class_n = np.array([model.classes.index(row.label) for row in rows])
    stage = settings.snippet
    mined = mine(
        scores.attention_t,
        snippet_n,
        class_n,
        len(model.classes),
        action_threshold=stage.action_threshold,
        background_threshold=stage.background_threshold,
    )
    candidates = generate(scores.activation_tc, scores.attention_t, np.unique(class_n), settings.proposals)
    ranking = rank(candidates, snippet_n + 0.5, class_n)
    low_t = low_attention(scores.attention_t, settings.instance.attention_threshold, snippet_n)
    negative = negative_proposals(low_t, 8, np.random.default_rng(0))
    learned |= {
        "clicks": [[moment, int(label)] for moment, label in zip(moments, class_n, strict=True)],
        "pictures": pictures(LEARNED, moments),
        "action": mined.action_tc.argmax(1).tolist(),
        "labelled": (mined.action_tc.any(1).astype(int) - mined.background_t).tolist(),
        "candidates": [
            [*_round(grid.to_seconds(segment)), int(label), float(oic), bool(reliable), float(target)]
            for segment, label, oic, reliable, target in zip(
                candidates.segments,
                candidates.labels,
                _round(candidates.oic),
                ranking.is_reliable,
                _round(ranking.completeness),
                strict=True,
            )
        ],
        "negatives": _round(grid.to_seconds(negative)),
    }

    features_td, scores, tested = curves(TESTED)
    proposed = model.candidates(scores)
    refined = model.instance.refine(features_td, proposed)
    pairs = np.concatenate([proposed.segments, refined.segments], axis=1)
    best = model.detect(features_td, scores).ranked()[:40]
    tested |= {
        "pictures": pictures(TESTED, [(s.start + s.end) / 2 for s in truth[TESTED]]),
        "refined": [
            [*_round(grid.to_seconds(pair)), int(label), round(float(oic), 3)]
            for pair, label, oic in zip(pairs, proposed.labels, proposed.oic, strict=True)
        ],
        "found": [
            [*_round(grid.to_seconds(segment)), int(label), float(score)]
            for segment, label, score in zip(best.segments, best.labels, _round(best.scores), strict=True)
        ],
    }
    return {
        "classes": list(model.classes),
        "stride": grid.stride,
        "min_score": round(model.min_score, 3),
        "learned": learned,
        "tested": tested,
    }


def _round(values: Any) -> list[Any]:
    return np.round(np.asarray(values, np.float64), 3).tolist()


def clicks(data: dict[str, Any]) -> str:
    """A film and what a person gives: a moment inside each action."""
    film, names = data["learned"], data["classes"]
    about = "Pictures of a film at the moments that were clicked, and the clicks on its line of time."
    sheet = Sheet(film["seconds"], "Clicks", about)
    step = (RIGHT - LEFT) / len(film["clicks"])
    width = min(112, step - 8)
    for number, ((moment, label), jpeg) in enumerate(zip(film["clicks"], film["pictures"], strict=True)):
        x, colour = LEFT + step * (number + 0.5), COLOURS[label]
        sheet.picture(x - width / 2, 24, width, width * 0.75, jpeg)
        sheet.text(x, 18, names[label], fill=colour, anchor="middle")
        sheet.line(x, 24 + width * 0.75, sheet.x(moment), 152, colour)
        sheet.dot(sheet.x(moment), 156, 6, colour)
    sheet.row(70, "the film")
    sheet.row(160, "clicks", "all that is given")
    for start, end, label in film["truth"]:
        sheet.bar(start, end, 192, 12, COLOURS[label], opacity=0.35)
    sheet.row(202, "actions", "never seen")
    sheet.axis(224)
    return sheet.render(252)


def labels(data: dict[str, Any]) -> str:
    """Stage 1: attention, class activation, and the snippets they let it learn from."""
    film, names, stride = data["learned"], data["classes"], data["stride"]
    about = "Attention and activation of a film that was learned from, and the pseudo labels mined from them."
    sheet = Sheet(film["seconds"], "Attention, activation, pseudo labels", about)
    shown = sorted({label for _, label in film["clicks"]})
    sheet.key(18, [(names[label], COLOURS[label]) for label in shown])
    sheet.row(66, "attention A", "is there an action?")
    sheet.curve(film["attention"], stride, 34, 60, INK)
    sheet.row(152, "activation P", "which one?")
    for label in shown:
        sheet.curve(film["activation"][label], stride, 114, 70, COLOURS[label])
    for y in (94, 184):
        sheet.line(LEFT, y, RIGHT, y, "#d7dbe0")
    for t, kind in enumerate(film["labelled"]):
        fill = COLOURS[film["action"][t]] if kind > 0 else GREY
        if kind:
            sheet.bar(t * stride, (t + 1) * stride, 204, 16, fill, opacity=1 if kind > 0 else 0.6)
    sheet.row(216, "learned from", "grey: background")
    for moment, label in film["clicks"]:
        sheet.dot(sheet.x(moment), 234, 5, COLOURS[label])
    for start, end, label in film["truth"]:
        sheet.bar(start, end, 250, 10, COLOURS[label], opacity=0.35)
    sheet.row(260, "actions", "never seen")
    sheet.axis(278)
    return sheet.render(306)


def proposals(data: dict[str, Any]) -> str:
    """Between the stages: candidates, the reliable one of each click, and negatives."""
    film, names = data["learned"], data["classes"]
    about = "Candidates of a film by class: the reliable one of each click, the others, and negatives."
    sheet = Sheet(film["seconds"], "Reliable, positive and negative proposals", about)
    sheet.text(
        LEFT,
        18,
        "thick: reliable (RP); thin: some positive (PP), the paler the less they overlap it",
        size=12,
    )
    y = 32.0
    for label in sorted({label for _, label in film["clicks"]}):
        own = [row for row in film["candidates"] if row[2] == label]
        others = sorted((row for row in own if not row[4]), key=lambda row: -row[5])[:: max(1, len(own) // 8)]
        for start, end, *_ in (row for row in own if row[4]):
            sheet.bar(start, end, y, 12, COLOURS[label])
        for moment, clicked in film["clicks"]:
            if clicked == label:
                sheet.line(sheet.x(moment), y - 3, sheet.x(moment), y + 15, INK, 2)
        sheet.row(y + 11, names[label])
        for number, (start, end, _, _, _, target) in enumerate(others[:8]):
            at = y + 16 + 5 * (number % 4)
            sheet.bar(start, end, at, 4, COLOURS[label], opacity=0.2 + 0.7 * target)
        y += 46
    for number, (start, end) in enumerate(film["negatives"]):
        sheet.bar(start, end, y + 5 * (number % 4), 4, GREY)
    sheet.row(y + 11, "negative (NP)", "low attention")
    sheet.axis(y + 32)
    return sheet.render(y + 60)


def found(data: dict[str, Any]) -> str:
    """Inference on a film nobody clicked: activation, a proposal before and after refinement, detections."""
    film, names, stride = data["tested"], data["classes"], data["stride"]
    about = (
        "Activation of a film nobody clicked, its best proposals before and after stage 2, detections, truth."
    )
    sheet = Sheet(film["seconds"], "From activation to detections", about)
    sheet.key(18, list(zip(names, COLOURS, strict=False)))
    for (start, end, _), jpeg in zip(film["truth"], film["pictures"], strict=True):
        sheet.picture(sheet.x((start + end) / 2) - 44, 30, 88, 66, jpeg)
    sheet.row(66, "the film", "nobody clicked it")
    sheet.row(140, "activation P")
    for label in range(len(names)):
        sheet.curve(film["activation"][label], stride, 108, 64, COLOURS[label])
    sheet.line(LEFT, 172, RIGHT, 172, "#d7dbe0")
    sheet.row(196, "a proposal", "and refined")
    for label in sorted({row[4] for row in film["refined"]}):
        rows = [row for row in film["refined"] if row[4] == label]
        start, end, new_start, new_end, _, oic = max(rows, key=lambda row: row[5])
        if oic >= data["min_score"] - 0.1:
            sheet.bar(start, end, 186, 9, COLOURS[label], opacity=0.35)
            sheet.bar(new_start, new_end, 199, 9, COLOURS[label])
    sheet.row(234, "detections", "pale: not shown")
    taken: list[tuple[float, float]] = []
    for start, end, label, score in film["found"]:
        if score >= FAINT and all(end <= left or right <= start for left, right in taken):
            taken.append((start, end))
            sure = score >= data["min_score"]
            sheet.bar(start, end, 224, 16, COLOURS[label], opacity=1 if sure else 0.3)
            if sure:
                words = f"{names[label]} {score:.2f}"
                sheet.text(sheet.x((start + end) / 2), 254, words, size=11, fill=INK, anchor="middle")
    for start, end, label in film["truth"]:
        sheet.bar(start, end, 268, 12, COLOURS[label], opacity=0.35)
        sheet.text(sheet.x((start + end) / 2), 294, names[label], size=11, fill=SOFT, anchor="middle")
    sheet.row(278, "true actions", "never seen")
    sheet.axis(308)
    return sheet.render(336)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
