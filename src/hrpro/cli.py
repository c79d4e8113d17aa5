"""The command ``hrpro``: parser, dispatch and exit codes. What each verb takes and does is in ``verbs``.

Bad input ends in one line and exit code 2.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from inspect import getdoc
from typing import Any

from jsonargparse import ArgumentParser, DefaultHelpFormatter, set_parsing_settings

import hrpro
from hrpro.core.errors import ConfigError, HRProError
from hrpro.data.faults import did_you_mean
from hrpro.settings import KEYS, SECTIONS
from hrpro.verbs import compare, convert, demo, evaluate, extract, inspect, predict, report, studio, train

BAD_INPUT, INTERRUPTED = 2, 130

VERBS = {
    "inspect": inspect,
    "extract": extract,
    "train": train,
    "predict": predict,
    "evaluate": evaluate,
    "report": report,
    "compare": compare,
    "convert": convert,
    "studio": studio,
    "demo": demo,
}
GOES_ON = {
    "extract": "; the same command goes on from here",
    "train": "; the same command with --resume goes on from here",
    "predict": "; the same command does what is left",
    "compare": "; the same command goes on from here",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Exit code: 0; 1 if inspect found errors; 2 after one line on what to mend; 3 if some videos failed.
    """
    # PyTorch's threads wait for each other busily unless told before it is loaded, and beside any other busy
    # program that takes a training several times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for stream in (sys.stdout, sys.stderr):  # names of files are told as they are, readable or not
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            unicode = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if unicode else "replace")
    words = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: _say(message)
        warnings.simplefilter("ignore", FutureWarning)  # of libraries, to us and not to the user
        try:
            verb, given = parse(words)
            code = VERBS[verb].main(**given)
            sys.stdout.flush()
            return code
        except HRProError as error:
            _say(error)
            return BAD_INPUT
        except BrokenPipeError:  # hrpro ... | head; as rich does where it is the one to write
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except OSError as error:
            _say(f"{error.filename}: {error.strerror}" if error.filename else error)
            return BAD_INPUT
        except KeyboardInterrupt:
            _say(f"stopped{GOES_ON.get(words[0], '')}")
            return INTERRUPTED


def _say(message: object) -> None:
    print(f"hrpro: {' '.join(str(message).split())}", file=sys.stderr)


class _Help(DefaultHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows types and defaults of settings, and keeps the lines of a description."""


_MAY_BE_EMPTY = ("exclude", "drop_labels")  # lists
_STRICT: dict[str, Any] = {
    "allow_abbrev": False,
    "exit_on_error": False,
    "argument_default": argparse.SUPPRESS,
}


def parse(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The verb and what is given to it: options by name; ``settings``, text by key, for ``settings.build``.

    Raises ConfigError for anything unknown or missing; --help and --version print and leave.
    """
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(
        prog="hrpro",
        version=hrpro.__version__,
        description="Localize actions in time, learned from one click inside each (HR-Pro, AAAI 2024).",
        epilog="`hrpro VERB --help` tells all about a verb. To see it work: hrpro demo",
        formatter_class=_Help,
        **_STRICT,
    )
    verbs = parser.add_subcommands(dest="verb", metavar="VERB", title="verbs", description=None)
    owners: dict[str, ArgumentParser] = {}
    for name, module in VERBS.items():
        about = getdoc(module) or ""
        owners[name] = ArgumentParser(description=about, formatter_class=_Help, print_config=None, **_STRICT)
        module.add_options(owners[name])
        verbs.add_subcommand(name, owners[name], help=about.partition("\n")[0])
        owners[name].prog = f"hrpro {name}"
    settings = argparse.ArgumentParser(add_help=False, **_STRICT)  # as text: ``build`` is what types them
    for key in (*KEYS, *SECTIONS) if words[0] == "train" else ():
        settings.add_argument(f"--{key}", dest=key)
    try:
        texts, rest = settings.parse_known_args(words)
        given = parser.parse_args(rest, defaults=False)
    except argparse.ArgumentError as error:
        raise _clear(error, owners.get(words[0], parser), words[0]) from None
    for name, value in given[given.verb].items():
        if value == "" and name not in _MAY_BE_EMPTY:  # as a script's variable that was never set
            raise ConfigError("is empty", where=_typed(owners[given.verb], name))
    return given.verb, given[given.verb].as_dict() | ({"settings": vars(texts)} if vars(texts) else {})


def _typed(own: ArgumentParser, name: str) -> str:
    """An option as it is typed, what goes without one by what the help calls it."""
    bare = {action.dest: str(action.metavar) for action in own._actions if not action.option_strings}
    return bare.get(name) or f"--{name.replace('_', '-')}"


def _clear(error: argparse.ArgumentError, own: ArgumentParser, verb: str) -> ConfigError:
    """jsonargparse's words of a fault in ours: options as they are typed, and how to mend it."""
    theirs = rf'\b{re.escape(verb)}\.(\w+)|Parser key "(\w+)"'
    known = {name: _typed(own, name) for name in re.findall(r"\w+", str(error))}
    fault = re.sub(theirs, lambda key: known[key[1] or key[2]], str(error))
    word = fault.removeprefix("unrecognized arguments: ").partition(" ")[0].partition("=")[0]
    unknown = fault.startswith("unrecognized")
    near = did_you_mean(word, re.findall(r"--[\w.-]+", own.format_help())) if unknown else None
    return ConfigError(fault, mend=near or f"{own.prog} --help lists the options")


if __name__ == "__main__":
    sys.exit(main())
