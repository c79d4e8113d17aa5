"""tIoU thresholds as people write them: ``0.5``, ``0.3,0.5,0.7``, ``0.1:0.7:0.1`` or a range of the field."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from hrpro.core.errors import ConfigError

RANGES = {
    "0.1:0.5": "0.1:0.5:0.1",
    "0.3:0.7": "0.3:0.7:0.1",
    "0.1:0.7": "0.1:0.7:0.1",
    "0.5:0.95": "0.5:0.95:0.05",
}
"""The ranges that results are averaged over in the literature, with their steps."""

LEAST, MOST = Decimal("0.0001"), 1000


def parse_tious(text: str) -> tuple[float, ...]:
    """Thresholds from 0.0001 to 1, ascending, each once.

    ``start:stop:step`` includes a stop that a step lands on. Counted in decimals: 0.1:0.7:0.1 is seven
    thresholds, the third of them 0.3 and not 0.30000000000000004. Raises ConfigError.
    """
    values: set[Decimal] = set()
    for part in text.split(","):
        numbers = [_decimal(word, text) for word in RANGES.get(part.strip(), part).split(":")]
        if len(numbers) == 1:
            values.add(numbers[0])
        elif len(numbers) == 3:
            values.update(_steps(numbers, text))
        else:
            raise _wrong(text, "neither a number nor start:stop:step")
    return tuple(float(value) for value in sorted(values))


def _steps(numbers: list[Decimal], text: str) -> list[Decimal]:
    start, stop, step = numbers
    if stop < start:
        raise _wrong(text, "the range ends before it starts")
    if (stop - start) / step >= MOST:
        raise _wrong(text, f"more than {MOST} thresholds")
    return [start + k * step for k in range(int((stop - start) / step) + 1)]


def _decimal(word: str, text: str) -> Decimal:
    try:
        value = Decimal(word.strip())
    except InvalidOperation:
        raise _wrong(text, f"'{word.strip()}' is not a number") from None
    if not value.is_finite() or not LEAST <= value <= 1:
        raise _wrong(text, f"'{word.strip()}' is not between {LEAST} and 1")
    return value


def _wrong(text: str, why: str) -> ConfigError:
    return ConfigError(f"tIoU thresholds '{text}': {why}", mend="write 0.5 or 0.3,0.5,0.7 or 0.1:0.7:0.1")
