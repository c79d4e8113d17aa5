"""The command's reference, made while the site is built: a page a verb, from its own help."""

from __future__ import annotations

import contextlib
import io
import os
import re
from html import escape
from typing import Any
from unittest.mock import patch

from mkdocs.structure.files import File, Files

from hrpro.cli import parse

MARK = "<!-- verbs -->"


def on_files(files: Files, config: Any) -> Files:
    """Adds command/VERB.md for each verb; one that the navigation does not know fails the strict build."""
    for verb in verbs():
        files.append(File.generated(config, f"command/{verb}.md", content=page(verb, told(verb))))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Puts the list of verbs where command.md wants it."""
    rows = [f"| [`hrpro {verb}`](command/{verb}.md) | {prose(about)} |" for verb, about in verbs().items()]
    return markdown.replace(MARK, "\n".join(["| verb | what it does |", "|---|---|", *rows]))


def told(*words: str) -> str:
    """What the command prints with --help."""
    out = io.StringIO()
    with (
        patch.dict(os.environ, {"COLUMNS": "200", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
    ):
        parse([*words, "--help"])
    return out.getvalue()


def verbs() -> dict[str, str]:
    """Each verb and its first line."""
    listed = re.findall(r"^    (\w+) {2,}(\S.*)$", told().partition("\nverbs:")[2], re.MULTILINE)
    return {verb: " ".join(about.split()) for verb, about in listed}


def page(verb: str, text: str) -> str:
    """Markdown from a verb's help: usage, description, examples, then its options by group."""
    usage, _, rest = text.partition("\n\n")
    lead, *groups = re.split(r"^(?=\S[^\n]*:\n  \S)", rest, flags=re.MULTILINE)
    paragraphs = [part for part in lead.strip().split("\n\n") if part]
    parts = [f"# hrpro {verb}"]
    for paragraph in paragraphs:
        if paragraph.startswith("hrpro "):
            commented = re.sub(r"(?<=\S) {4,}(?=\S)", "    # ", paragraph)
            parts.append(f"```sh\n{commented}\n```")
        else:
            parts.append(prose(paragraph))
    parts.append(f"```text\n{usage}\n```")
    for group in groups:
        title, _, body = group.partition("\n")
        parts += [f"## {title.rstrip(':').capitalize()}", *entries(body)]
    return "\n\n".join(parts) + "\n"


def entries(body: str) -> list[str]:
    """Definition lists of options: "  --name VALUE   help", the help perhaps on lines of its own."""
    found: list[list[str]] = []
    for line in body.splitlines():
        if re.match(r"  \S", line):
            name, _, about = line.strip().partition("  ")
            found.append([name, about.strip()])
        elif line.strip():
            found[-1][1] += f" {line.strip()}"
    return [f"`{name}`\n:   {prose(about.strip()) or '&nbsp;'}" for name, about in found]


def prose(text: str) -> str:
    """Text that Markdown and HTML leave alone, but for `code`."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        p if p.startswith("`") else re.sub(r"([*_|\[\]])", r"\\\1", escape(p, False)) for p in parts
    )
