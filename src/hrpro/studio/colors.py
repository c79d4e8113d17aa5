"""Colours for classes that nobody has coloured yet: far apart, and readable on light and on dark."""

from __future__ import annotations

import colorsys

_GOLDEN = 0.618033988749895
"""Steps of the golden ratio around the circle of hues never come close to an earlier one for long."""


def color_of(number: int) -> str:
    """#rrggbb of the class of this number, from 0 on."""
    lightness = (0.50, 0.42, 0.58)[number // 8 % 3]
    red, green, blue = colorsys.hls_to_rgb((0.58 + number * _GOLDEN) % 1.0, lightness, 0.65)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
