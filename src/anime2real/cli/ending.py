"""Signals that ask a command to end: it ends in order, so that nothing half written or claimed stays behind."""

import signal
from types import FrameType
from typing import Final, NoReturn

_SIGNALS: Final = ("SIGTERM", "SIGHUP")
"""Of `kill`, Docker and systemd; of a terminal that is closed, which Windows does not send."""


class Terminated(KeyboardInterrupt):
    """Such a signal has come.

    Attributes:
        number: of the signal.
    """

    number = 0


def end_in_order() -> None:
    """Let these signals end the main thread by `Terminated`; a second one ends at once.

    One that is ignored stays so, as whoever started us, such as nohup, has asked.
    """
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    for name in _SIGNALS:
        if (each := getattr(signal, name, None)) is not None and signal.getsignal(each) is _end:
            signal.signal(each, signal.SIG_DFL)
    ended = Terminated()
    ended.number = number
    raise ended
