"""Overlapping spans laid into lanes, for formats where what lies in one lane must not overlap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def lanes(spans: Iterable[tuple[float, float, T]]) -> list[list[tuple[float, float, T]]]:
    """(start, end, anything) by start, each in the first lane free by then: as few lanes as can be."""
    laid: list[list[tuple[float, float, T]]] = []
    for span in sorted(spans, key=lambda span: span[:2]):
        free = next((lane for lane in laid if lane[-1][1] <= span[0]), None)
        if free is None:
            laid.append([span])
        else:
            free.append(span)
    return laid
