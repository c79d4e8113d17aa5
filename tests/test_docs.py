"""The pages: they build strictly, load nothing from elsewhere, and name nothing that is not there."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest

from hrpro.cli import parse
from hrpro.config import Config
from hrpro.data.formats.registry import FORMATS
from studio_browser import chromium

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SVG = "{http://www.w3.org/2000/svg}"


def test_all_that_paper_md_names_is_there() -> None:
    text = (DOCS / "paper.md").read_text(encoding="utf-8")
    spans = [span for span in re.findall(r"`([^`\n]+)`", text) if re.search(r"\.(py|yaml)\b", span)]
    named = [span.split()[-1] if span.startswith("python ") else span for span in spans]
    named = [name for name in named if name not in ("file.py::name",) and not name.startswith("-")]
    assert len(named) > 80
    for name in named:
        file, _, inside = name.partition("::")
        path = (
            ROOT / file
            if file.split("/")[0] in ("tests", "benchmarks", "docs")
            else ROOT / "src/hrpro" / file
        )
        assert path.is_file(), name
        if inside:
            assert inside in definitions(path), name
    for number in range(1, 15):
        assert re.search(rf"Equations? .*\({number}\)", text), f"equation ({number})"
    for thing in [f"Figure {n}" for n in range(1, 6)] + [f"Table {n}" for n in range(1, 4)]:
        assert re.search(rf"\| {thing}, ", text), thing


def test_every_setting_that_a_page_names_is_one() -> None:
    config = Config()
    parts = (config, config.snippet, config.instance, config.proposals, config.suppress)
    known = {type(part).__name__: {f.name for f in dataclasses.fields(part)} for part in parts}
    met = 0
    for page in PAGES:
        for kind, name in re.findall(r"\b(\w+Config)\.(\w+)", page.read_text(encoding="utf-8")):
            assert name in known[kind], (page.name, kind, name)
            met += 1
    assert met > 20


def test_files_that_pages_name_are_there() -> None:
    """Whole paths in code: what is moved or renamed must be renamed in the pages too."""
    for page in [*PAGES, ROOT / "README.md"]:
        for path in re.findall(
            r"`(?:python )?((?:tests|benchmarks|docs)/[\w/]+\.\w+)", page.read_text(encoding="utf-8")
        ):
            assert (ROOT / path).is_file(), (page.name, path)
    rooms = (DOCS / "contributing.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:core|data|video|metrics|proposals)/[\w/]+\.py)`", rooms):
        assert (ROOT / "src/hrpro" / path).is_file(), path


def test_every_format_has_its_row() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", (DOCS / "formats.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(FORMATS)


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / target).is_file(), target


def test_pictures_are_what_their_data_give() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "figures.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for path in sorted((DOCS / "images").glob("*.svg")):
        root = ElementTree.parse(path).getroot()
        assert root.findtext(f"{SVG}title"), path.name
        for element in root.iter():
            assert element.tag != f"{SVG}script", path.name
            for name, value in element.attrib.items():
                assert "href" not in name or value.startswith("data:image/jpeg;base64,"), path.name


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocstrings", reason="needs hrpro[docs]")
    pytest.importorskip("material", reason="needs hrpro[docs]")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_it_builds_strictly_with_a_page_for_every_verb(site: Path) -> None:
    overview = (site / "command.html").read_text(encoding="utf-8")
    for verb in verbs():
        page = (site / f"command/{verb}.html").read_text(encoding="utf-8")
        assert f"command/{verb}.html" in overview
        for option in options(verb):
            assert re.search(rf"<code>{re.escape(option)}[ ,<]", page), (verb, option)


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
    )
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        assert not loads.findall(page.read_text(encoding="utf-8")), page.relative_to(site)


def test_its_search_works_from_the_disk(site: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright, of hrpro[dev]")
    executable = chromium()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)  # busy machines; the index is put together first
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda asked: said.append(asked.url) if asked.url.startswith("http") else None)
        for start in ("index.html", "command/report.html"):  # from the top, and from a folder
            page.goto((site / start).as_uri(), timeout=120_000)
            page.get_by_role("textbox", name="Search").fill("soft-NMS")
            found = page.locator(".md-search-result__link")
            found.first.wait_for(timeout=120_000)  # a worker reads the whole index first
            sync_api.expect(page.locator(".md-search-result__meta")).to_have_text(
                re.compile(r"^\s*\d"), timeout=60_000
            )
            sync_api.expect(page.locator(".md-search-result__list")).to_contain_text(
                "soft-nms", ignore_case=True
            )
            found.first.click()
            page.wait_for_url("file://**")
            assert Path(unquote(urlsplit(page.url).path)).is_file()
        browser.close()
    assert said == []


def verbs() -> list[str]:
    """The verbs that have a module."""
    rooms = [path for path in (ROOT / "src/hrpro/verbs").glob("*.py") if "main" in definitions(path)]
    assert len(rooms) > 8
    return sorted(path.stem for path in rooms)


def options(verb: str) -> list[str]:
    """Its options as its parser names them."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        parse([verb, "--help"])
    return re.findall(r"^  (--[\w.-]+)", out.getvalue(), re.MULTILINE)


@cache
def definitions(path: Path) -> frozenset[str]:
    """Names of a file's functions, classes and variables; those within a class after its own."""
    return frozenset(_defined(ast.parse(path.read_text(encoding="utf-8")), ""))


def _defined(node: ast.AST, before: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield before + child.name
            if isinstance(child, ast.ClassDef):
                yield from _defined(child, f"{before}{child.name}.")
        elif isinstance(child, ast.Assign | ast.AnnAssign):
            for target in child.targets if isinstance(child, ast.Assign) else [child.target]:
                yield before + ast.unparse(target)
