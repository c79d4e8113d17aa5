"""Ctrl-C between two steps, never in the middle of one, so that what is checkpointed then is whole."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While entered, Ctrl-C only sets ``asked``; a second one stops at once, unless ``patient``.

    patient: for processes started by torchrun, which get the signal from the terminal and from torchrun.
    In another thread than the main one it changes nothing (Python delivers signals to the main thread).
    """

    def __init__(self, *, patient: bool) -> None:
        self.asked, self.patient = False, patient
        self._previous: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and not self.patient:
            raise KeyboardInterrupt
        self.asked = True
