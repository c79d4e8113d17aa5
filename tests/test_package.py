"""The package as a whole: what it needs, what it exports, what it imports, and the rules of its rooms."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import hrpro

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src/hrpro").rglob("*.py"))

# Each room's floor; a module imports from its own floor or those below.
FLOORS = {"core": 1, "data": 2, "metrics": 2, "proposals": 2, "training": 2, "snippet": 3, "instance": 3}
FLOORS |= dict.fromkeys(("config", "settings", "model_file", "model_folder", "localizer", "runs", "demo"), 4)
FLOORS |= dict.fromkeys(
    ("calibration", "halves", "trust", "videos", "predictions", "convert", "reports", "report_data"), 4
)
FLOORS |= {"methods": 2, "peers": 3, "boundaries": 3, "views": 4, "harness": 4, "workload": 4}
FLOORS |= {"video": 3, "report": 3, "studio": 5, "verbs": 6, "cli": 6, "__main__": 6}


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield node.module or ""


def runtime(tree: ast.Module) -> ast.Module:
    """The module without what only a type checker reads."""
    body = [n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")]
    return ast.Module(body=body, type_ignores=[])


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_a_module_keeps_the_rules_of_the_house(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "says what it is"
    room = path.relative_to(ROOT / "src/hrpro").parts[0].removesuffix(".py")
    for name in imports(runtime(tree)):
        assert name.partition(".")[0] not in ("pickle", "cloudpickle", "dill", "shelve", "marshal")
        if not name.startswith("hrpro.") or room == "__init__":
            continue
        other = name.split(".")[1]
        assert FLOORS[other] <= FLOORS[room], f"{room} imports from above: {name}"
        assert {room, other} != {"snippet", "instance"}, "the stages do not know each other"
        if room == other == "peers":
            assert name.split(".")[2] == path.parts[-2], "the peers do not know each other"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            # Published video networks come as .pt files; weights alone cannot run code.
            safe = any(ast.unparse(keyword) == "weights_only=True" for keyword in node.keywords)
            assert called != "torch.load" or safe, "torch.load without weights_only=True"
            assert called not in (
                "eval",
                "exec",
                "pickle.load",
                "pickle.loads",
                "yaml.unsafe_load",
            )
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert options.get("allow_pickle", "False") == "False"


def test_nothing_names_the_machine_it_was_made_on() -> None:
    pages = [path for name in ("README.md", "CHANGELOG.md", "Makefile") if (path := ROOT / name).exists()]
    for path in [*SOURCES, *pages, *(ROOT / "src/hrpro/presets").iterdir()]:
        found = re.search(r"\.\./shared|/work\b|/root\b|/tmp/", path.read_text(encoding="utf-8"))
        assert found is None, (path, found)


def test_what_is_exported_is_there() -> None:
    for name in hrpro.__all__:
        assert getattr(hrpro, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'HRPRO'"):
        _ = hrpro.HRPRO


def test_importing_it_and_asking_for_help_is_light() -> None:
    code = (
        "import os, sys, hrpro\n"
        "assert not {'numpy', 'torch', 'numba', 'yaml', 'rich'} & set(sys.modules), 'import hrpro'\n"
        "from hrpro.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'numba', 'lightning_fabric', 'tensorboard'} & set(sys.modules), 'help'\n"
        "print(os.environ['OMP_WAIT_POLICY'])\n"
    )
    for given, policy in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | given
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == policy, "PyTorch, loaded after this, would not see it"


def test_the_command_and_the_version_are_those_of_the_package() -> None:
    about = metadata("hrpro")
    assert about["Version"] == hrpro.__version__
    (command,) = entry_points(group="console_scripts", name="hrpro")
    assert command.value == "hrpro.cli:main"
    assert f"## [{hrpro.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def pinned() -> dict[str, list[Requirement]]:
    pins: dict[str, list[Requirement]] = {}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line.startswith("#"):
            pin = Requirement(line)
            assert [str(part)[:2] for part in pin.specifier] == ["=="], line
            pins.setdefault(pin.name.lower().replace("_", "-"), []).append(pin)
    return pins


def test_what_is_pinned_on_later_pythons_is_pinned_on_the_first_too() -> None:
    first, *later = [
        {
            name
            for name, pins in pinned().items()
            if any(pin.marker is None or pin.marker.evaluate(python) for pin in pins)
        }
        for python in (
            {"python_version": version, "python_full_version": f"{version}.{patch}"}
            for version, patch in (("3.10", 0), ("3.11", 0), ("3.11", 9), ("3.12", 0), ("3.13", 0))
        )
    ]
    assert set().union(*later) <= first


def test_every_dependency_is_pinned_within_its_range_on_every_python() -> None:
    pins = pinned()
    needed = [Requirement(text) for text in metadata("hrpro").get_all("Requires-Dist") or ()]
    extras = [{"extra": extra} for extra in metadata("hrpro").get_all("Provides-Extra") or ()]
    needed = [r for r in needed if r.marker is None or any(map(r.marker.evaluate, extras))]
    assert len(needed) > 10
    for requirement in needed:
        candidates = pins[requirement.name.lower().replace("_", "-")]
        for python in ("3.10", "3.11", "3.12", "3.13"):
            (pin,) = [
                p for p in candidates if p.marker is None or p.marker.evaluate({"python_version": python})
            ]
            (version,) = [part.version for part in pin.specifier]
            assert requirement.specifier.contains(version), (requirement, pin)


def test_reports_and_comparisons_need_no_video_package() -> None:
    code = "import sys\nsys.modules['av'] = sys.modules['cv2'] = None\n"
    code += "import hrpro.reports, hrpro.harness.compare"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_prediction_loads_nothing_that_only_training_needs() -> None:
    code = "import sys, hrpro.runs; print(sys.modules.keys() & {'lightning_fabric', 'torch._dynamo'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
