"""The policy's log. Its owner reads it; no device ever does. Lines past the policy's limits are dropped."""

from ._host import host


def debug(message: object) -> None:
    """Writes a line that is of interest while a policy is being written."""
    write("debug", message)


def info(message: object) -> None:
    """Writes a line about something normal."""
    write("info", message)


def warn(message: object) -> None:
    """Writes a line about something that is not right, though a decision can be made."""
    write("warn", message)


def error(message: object) -> None:
    """Writes a line about something wrong."""
    write("error", message)


def write(level: str, message: object) -> None:
    """Writes a line at a level that is known only at run time: `debug`, `info`, `warn` or `error`."""
    host().write(level, str(message))
