"""The page: all in one file, nothing from any network, no name that breaks out; opened in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("plotly", reason="the extra [report] is not installed")

from hrpro.config import Config
from hrpro.core.annotations import Detections
from hrpro.core.errors import DataError
from hrpro.report.collect import RunResult, Subject
from hrpro.report.curves import curves
from hrpro.report.figure import text
from hrpro.report.markup import Markup, tag
from hrpro.report.page import plotly_script
from hrpro.report.write import sections, write_report
from report_subjects import CLASSES, detections, renamed, result, subject

CHROMIUM = next(
    (path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/google-chrome")) if path.exists()), None
)
HOSTILE = (
    "<script>window.broken=1</script>",
    '"><img src=x onerror="window.broken=1">',
    "</script><svg onload=window.broken=1> ' & \u202e 猫 $x^2$ %{x} \ud800",
)


class Reader(HTMLParser):
    """Every element with its attributes, and the text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        (self.scripts if self.elements and self.elements[-1][0] == "script" else self.words).append(data)


def written(folder: Path, about: Subject, *runs: RunResult) -> str:
    write_report(about, runs, folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


def whole(about: Subject) -> list[RunResult]:
    found = detections(about, 0.7)
    names = sorted({s.label for each in (about.truth or {}).values() for s in each})
    before = detections(about, 1.5)
    return [
        result(found, classes=names, before=before),
        result(detections(about, 1.5, seed=2), classes=names, name="other"),
    ]


def hostile(folder: Path) -> tuple[Subject, list[RunResult]]:
    about = renamed(subject(4), dict(zip(CLASSES, HOSTILE, strict=True)))
    ids = dict(zip(about.seconds, [*HOSTILE, "x" * 300], strict=True))
    assert about.truth is not None
    moved = replace(
        about,
        name=HOSTILE[0],
        seconds={ids[id]: value for id, value in about.seconds.items()},
        truth={ids[id]: value for id, value in about.truth.items()},
        clicks={ids[id]: value for id, value in about.clicks.items()},
        files={ids[id]: folder / "javascript:alert(1)//evil.example/#?%00.mp4" for id in about.truth},
        remarks=[HOSTILE[1]],
    )
    runs = [
        replace(run, name=HOSTILE[i], about={HOSTILE[1]: HOSTILE[2]}) for i, run in enumerate(whole(moved))
    ]
    return moved, runs


def test_the_page_holds_all_and_asks_no_network(tmp_path: Path) -> None:
    about = replace(subject(), files={"video 0": tmp_path / "videos" / "one two.mp4"})
    page = written(tmp_path, about, *whole(about))
    read = Reader(page)
    for tag_name, attributes in read.elements:
        assert tag_name not in ("link", "iframe", "object", "embed", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag_name, name)
            if name in ("src", "href", "srcset", "action", "poster", "data"):
                assert re.match(r"#[\w-]+$|videos/one%20two\.mp4(#t=\d+\.\d\d)?$", value or ""), value
    assert page.count(plotly_script()) == 1
    policy = next(a["content"] for _, a in read.elements if "content" in a and a.get("http-equiv"))
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+' 'sha256-[\w+/=]+';", policy)
    assert "@import" not in page.replace(plotly_script(), "")
    assert "url(" not in page.replace(plotly_script(), "")


def test_every_part_is_on_the_page(tmp_path: Path) -> None:
    about = subject()
    page = written(tmp_path, about, *whole(about))
    titles = re.findall(r"<h2>([^<]+)</h2>", page)
    assert titles == [
        "Overview",
        "Runs compared",
        "Mean average precision",
        "Precision and recall",
        "What goes wrong",
        "Scores before and after stage 2",
        "Best videos",
        "Typical videos",
        "Worst videos",
        "Other videos",
        "Training curves",
        "Data",
        "Settings and versions",
    ]
    assert sorted(re.findall(r"<h3[^>]*><bdi>([^<]+)", page)) == sorted(about.seconds)
    names = re.findall(r'data-name="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_no_name_breaks_out(tmp_path: Path) -> None:
    about, runs = hostile(tmp_path)
    read = Reader(written(tmp_path, about, *runs))
    assert not {"img", "svg"} & {name for name, _ in read.elements}
    executable = [a for name, a in read.elements if name == "script" and a.get("type") is None]
    assert len(executable) == 2
    links = {a["href"] for name, a in read.elements if name == "a" and not str(a["href"]).startswith("#")}
    assert {str(link).partition("#t=")[0] for link in links} == {
        "javascript%3Aalert%281%29/evil.example/%23%3F%2500.mp4"
    }
    said = "".join(read.words)
    assert HOSTILE[0] in said
    assert HOSTILE[1] in said
    for script in read.scripts:
        if script.startswith("{"):
            json.loads(script)


def test_names_in_figures_are_shown_as_they_are() -> None:
    """Plotly reads tags and entities in all text of a figure."""
    assert text("<b>a & b</b>") == "&lt;b&gt;a &amp; b&lt;/b&gt;"
    assert text('<a href="https://x">') == '&lt;a href="https://x"&gt;'
    assert text("a\n b") == "a b"
    assert len(text("<" * 500).replace("&lt;", "<")) <= 60
    about, runs = hostile(Path("somewhere"))
    for section in sections(about, runs, Path("report.html")):
        for figure in section.figures:
            for word in _texts(figure.as_dict()):
                rest = word.replace("<br>", "").replace("<extra></extra>", "")
                assert "<" not in rest.replace("<extra>%{fullData.name}</extra>", ""), word


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def test_markup_alone_goes_unescaped() -> None:
    assert tag("p", "<b>", Markup("<i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i></p>'
    assert tag("meta", name_="a", content="<") == '<meta name="a" content="&lt;">'


def test_without_ground_truth_the_rest_is_there_and_it_is_said(tmp_path: Path) -> None:
    about = replace(subject(3), truth=None, remarks=["There is no ground truth, so it is left out."])
    runs = whole(subject(3))
    page = written(tmp_path, about, *runs)
    assert re.findall(r"<h2>([^<]+)</h2>", page) == [
        "Overview",
        "Videos",
        "Training curves",
        "Data",
        "Settings and versions",
    ]
    assert "There is no ground truth" in page
    assert "mAP" not in page.replace(plotly_script(), "")
    assert "F1" not in page.replace(plotly_script(), "")
    assert re.findall(r'data-name="(timeline-\d+)"', page) == [f"timeline-00{i}" for i in (1, 2, 3)]


def test_one_video(tmp_path: Path) -> None:
    about = subject(1)
    page = written(tmp_path, about, *whole(about))
    assert "no interval: one video" in page
    assert "<h2>All videos</h2>" in page
    assert "NaN" not in page.replace(plotly_script(), "")


def test_odd_results_still_make_a_page(tmp_path: Path) -> None:
    """No detection in some video or in any; a class nobody finds, one without a true segment; no action."""
    about = subject(4)
    assert about.truth is not None
    truth = {
        **about.truth,
        "video 0": (),
        "video 1": tuple(replace(s, label="new") for s in about.truth["video 1"]),
    }
    seconds = {**about.seconds, "video 9": 20.0}  # which the truth does not know
    odd = replace(about, truth=truth, seconds=seconds, clicks={})
    found = {**detections(about, 0.5), "video 9": Detections.empty(CLASSES)}
    found["video 2"] = Detections.empty(CLASSES)
    page = written(tmp_path, odd, result(found, classes=("jump", "run", "wave", "unseen")))
    assert "no predictions to show" in page
    assert "no truth known" in page
    assert '<th scope="row"><bdi>new</bdi></th>' in page
    silent = result({id: Detections.empty(CLASSES) for id in seconds}, min_score=1e9)
    page = written(tmp_path, odd, silent)
    assert "0 of 18" in page
    unlogged = replace(silent, logs={}, before=silent.found)
    assert "Training curves" not in written(tmp_path, odd, unlogged)


def test_what_cannot_be_reported_is_said(tmp_path: Path) -> None:
    nothing = replace(subject(), seconds={}, truth=None)
    with pytest.raises(DataError, match="no video to report on"):
        write_report(nothing, [result({})], tmp_path / "r.html")
    about = subject(2)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        write_report(about, whole(about), tmp_path / "folder.html")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_a_browser_opens_it_offline_in_both_schemes_and_on_paper(tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    about, runs = hostile(tmp_path)
    written(tmp_path, about, *runs)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for scheme, ink in (("light", "rgb(34, 34, 34)"), ("dark", "rgb(230, 230, 230)")):
            page = browser.new_context(color_scheme=scheme, offline=True).new_page()
            page.set_default_timeout(120_000)  # a busy machine is no fault of the page
            said: list[str] = []
            asked: list[str] = []
            page.on("console", lambda message, said=said: said.append(message.text))
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto((tmp_path / "report.html").as_uri())
            page.wait_for_selector(".main-svg")
            if scheme == "dark":
                page.pdf()  # draws all, in light, and goes back
                page.wait_for_function("!document.querySelector('figure .plot:not(:has(.main-svg))')")
                assert page.locator("figure").count() == 21
                shown = page.locator("figure[data-name=timeline-001] .ytick text").all_text_contents()
                assert any(word.startswith("<script>") for word in shown), shown
            assert page.evaluate("getComputedStyle(document.querySelector('.xtick text')).fill") == ink
            assert page.evaluate("window.broken") is None
            assert page.locator("img, a[href^='javascript:']").count() == 0
            assert said == []
            assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        browser.close()


def test_a_peer_is_called_by_its_name_and_has_its_curves(tmp_path: Path) -> None:
    """And what saw the true segments is marked, wherever it stands beside others."""
    about = subject(3)
    found = detections(about, 0.5)
    rows = [{"step": 10.0, "lr": 1e-3, "gradient_norm": 1.0, "total": 2.0, "click": 1.0}]
    peers = {
        name: replace(
            result(found, name=f"{name}-0"),
            settings=Config().with_method(name).as_dict(),
            logs={log: rows},
        )
        for name, log in (("lacp", "lacp"), ("full", "full-1"), ("cola", "cola"))
    }
    page = written(tmp_path, about, peers["lacp"], peers["full"], peers["cola"])
    assert "LACP (ICCV 2021), trained on clicks; 2 more for comparison" in page
    assert "HR-Pro" not in page.replace(plotly_script(), "")
    assert "full-0 (saw true segments)" in page
    assert "cola-0 (saw classes only)" in page
    assert "stage 1: 10 steps" in page.lower()
    training = curves(peers["full"])
    assert training is not None
    for figure in training.figures:
        assert figure.data, figure.name
    assert [figure.name for figure in training.figures] == ["losses-full", "gradient-norm", "lr"]
    page = written(tmp_path, about, peers["full"])
    assert "Fully supervised, trained on true segments" in page
