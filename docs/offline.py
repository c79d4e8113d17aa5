"""Lets the search work on pages opened from the disk, where a browser starts no worker from a file.

The theme's own way is a script from the network that runs the worker in a frame, in the page's thread. Here
the worker's text is put into a script of the site, and started from there: a thread of its own, and nothing
from elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import material
from mkdocs.structure.files import File, Files

NAME = "iframe-worker.js"
"""As in ``extra.polyfills`` of mkdocs.yml; by this name the plugin ``offline`` knows that there is one."""

SCRIPT = """if (location.protocol === "file:") {
  const text = TEXT;
  window.Worker = class extends Worker {
    constructor() {
      super(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    }
  };
}
"""


def on_files(files: Files, config: Any) -> Files:
    workers = Path(str(material.__file__)).parent / "templates/assets/javascripts/workers"
    (path,) = workers.glob("search.*.min.js")
    text = json.dumps(path.read_text(encoding="utf-8").partition("\n//# sourceMappingURL")[0])
    files.append(File.generated(config, NAME, content=SCRIPT.replace("TEXT", text)))
    return files
