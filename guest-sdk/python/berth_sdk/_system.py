"""What Python's own functions find in a component, where there is no system: `print` and `logging` write the policy's log,
chance is the same for every request, and a look at the clock or at files raises an error that says so.

Without this module they end the decision without a word. Not for unit tests, which run on any Python: what `berth policy build`
writes calls `furnish` before it imports the policy, and `close` afterwards. In between nothing of Berth's is there yet: lines of
the log are kept for the decision, and all else is an error.
"""

from __future__ import annotations

import datetime
import errno
import gc
import io
import os
import random
import sys
import time
from typing import Any, Callable

from . import log
from .entry import LIBRARY
from ._host import HostProtocol, exchange

_NO_CLOCK = (
    "a policy has no clock: the same request has to get the same decision. "
    "A time that it goes by belongs in its settings or tables"
)
_NO_CHANCE = "a policy has no chance: random.Random(request.registration_id) gives numbers of a device's own"
_NO_FILES = "a policy has no files when it decides: reference data belongs in its tables"
_NO_NETWORK = "a policy has no network: reference data belongs in its tables"

_deciding = False


class _Early:
    """The host while the policy is imported."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def write(self, level: str, message: str) -> None:
        self.lines.append((level, message))

    def settings(self) -> str:
        raise RuntimeError("the settings can be read in a decision only, not while the policy is imported")

    def lookup(self, table: str, key: str) -> str | None:
        raise RuntimeError("a table can be read in a decision only, not while the policy is imported")


_early = _Early()


class _Lines(io.TextIOBase):
    """A stream whose lines are those of the policy's log."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._unfinished = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            log.write(self._level, line)
        return len(text)

    def flush(self) -> None:
        if self._unfinished:
            log.write(self._level, self._unfinished)
            self._unfinished = ""


def _asked_by_library() -> bool:
    """Whether it is the standard library that called the caller, as `logging` asks for the time of each line."""
    return sys._getframe(2).f_code.co_filename.startswith((LIBRARY, "<frozen"))


def _without_clock(name: str, answer: Any) -> Callable[..., Any]:
    def asked(*_: object) -> Any:
        if _asked_by_library():
            return answer
        raise RuntimeError(f"{name}() asks for the time, and {_NO_CLOCK}")

    return asked


def _with_time(name: str, function: Callable[..., Any], position: int) -> Callable[..., Any]:
    """A function that takes the time it is given, and without one asks for the time that it is."""

    def asked(*arguments: Any) -> Any:
        if len(arguments) > position and arguments[position] is not None:
            return function(*arguments)
        raise RuntimeError(f"{name}() asks for the time, and {_NO_CLOCK}")

    return asked


class _AnyDate(type):
    """Dates that Python itself makes are of the class that a policy sees in place of theirs."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, cls.__mro__[1])

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1])


def _dates(own: type, *asking: str) -> type:
    """A class of dates without the methods that ask for the time."""
    methods = {name: classmethod(_without_clock(f"{own.__name__}.{name}", None)) for name in asking}
    return _AnyDate(own.__name__, (own,), {"__module__": own.__module__, "__slots__": (), **methods})


def _replace_clock() -> None:
    for name in dir(time):
        if name.endswith("_ns"):
            setattr(time, name, _without_clock(f"time.{name}", 0))
        elif name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime"):
            setattr(time, name, _without_clock(f"time.{name}", 0.0))
    for name, position in (("localtime", 0), ("gmtime", 0), ("ctime", 0), ("asctime", 0), ("strftime", 1)):
        setattr(time, name, _with_time(f"time.{name}", getattr(time, name), position))
    datetime.date = _dates(datetime.date, "today")  # type: ignore[misc]
    datetime.datetime = _dates(datetime.datetime, "now", "utcnow", "today")  # type: ignore[misc]


def _no_random_bytes(_size: int) -> bytes:
    raise RuntimeError(f"os.urandom() asks for chance, and {_NO_CHANCE}")


def _without_files(function: Callable[..., Any]) -> Callable[..., Any]:
    def asked(path: Any, *arguments: Any, **named: Any) -> Any:
        if _deciding:
            raise FileNotFoundError(errno.ENOENT, _NO_FILES, path)
        return function(path, *arguments, **named)

    return asked


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Hears of whatever Python asks of a system, and keeps it from being asked."""
    if not _deciding:
        return
    if event == "time.sleep":
        raise RuntimeError("time.sleep(): a policy has nothing to wait for")
    if event == "open" or event.startswith(("os.", "shutil.", "tempfile.")):
        raise FileNotFoundError(errno.ENOENT, _NO_FILES, arguments[0] if arguments else None)
    if event.startswith("socket."):
        raise OSError(errno.ENETUNREACH, _NO_NETWORK)


class _TooLate:
    """Comes before what looks for modules in files."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        if not _deciding:
            return
        raise ImportError(f"`import {name}` comes too late: imports belong at the top of a module", name=name)


def furnish() -> None:
    """Puts all of it in place of what asks the system. The policy is imported after this."""
    exchange(_early)
    sys.stdin, sys.stdout = io.StringIO(), _Lines("info")
    _replace_clock()


def close(host: HostProtocol) -> None:
    """Ends the policy's import: what follows are decisions."""
    exchange(host)
    # Until here it is the build's, which shows why the policy cannot be imported.
    sys.stderr = _Lines("warn")
    # What Python imports for itself only when it is needed.
    import _strptime  # noqa: F401

    random.seed(0)
    random._urandom = os.urandom = _no_random_bytes  # type: ignore[attr-defined]
    for name in ("stat", "lstat"):
        setattr(os, name, _without_files(getattr(os, name)))
    sys.meta_path.insert(len(sys.meta_path) - 1, _TooLate)
    if "logging" in sys.modules:
        _take_over_logging()
    sys.addaudithook(_refuse)
    # What is there now stays for good, so that no decision looks through it for garbage.
    gc.collect()
    gc.freeze()


def _take_over_logging() -> None:
    """Lets every level of `logging` write the policy's log, unless the policy has set a handler of its own."""
    import logging

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            level = "debug" if record.levelno < logging.INFO else "info" if record.levelno < logging.WARNING else "warn"
            log.write("error" if record.levelno >= logging.ERROR else level, self.format(record))

    if not logging.root.handlers:
        logging.root.addHandler(Handler())
        logging.root.setLevel(logging.DEBUG)


def begin() -> None:
    """Begins a decision, with what was logged while the policy was imported."""
    global _deciding
    _deciding = True
    for level, message in _early.lines:
        log.write(level, message)


def end() -> None:
    """Writes out what has no end of line yet."""
    sys.stdout.flush()
    sys.stderr.flush()
    # What is raised has been logged, and is not to be told again.
    sys.stderr = None
