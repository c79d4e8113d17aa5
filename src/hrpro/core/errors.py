"""Errors for people: what is wrong, where, and how to mend it, on one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class HRProError(Exception):
    """Base of every error caused by what came from outside; the command prints it and exits with 2.

    what: the fault, in words. where: file (and line or key) or the recording's name, taken as text at
    once. mend: what to do.
    """

    def __init__(self, what: str, *, where: object = None, mend: str | None = None) -> None:
        self.what, self.where, self.mend = what, None if where is None else str(where), mend
        line = what if where is None else f"{self.where}: {what}"
        super().__init__(" ".join((line if mend is None else f"{line} ({mend})").split()))


class DataError(HRProError):
    """A dataset, feature file, click table or ground truth cannot be used as it stands."""


class ConfigError(HRProError):
    """A setting is unknown, ill-typed or out of range."""


class RunError(HRProError):
    """A run folder or checkpoint is missing, incomplete, or belongs to something else."""


class NonFiniteError(HRProError):
    """NaN or Inf appeared in features, a loss, or a weight."""


@contextmanager
def naming(where: object) -> Iterator[None]:
    """What is raised inside and says of no place gets this one."""
    try:
        yield
    except HRProError as error:
        if error.where is not None:
            raise
        raise type(error)(error.what, where=where, mend=error.mend) from error
