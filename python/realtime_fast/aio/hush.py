"""Keeps what libraries log about our own traffic out of the logs, and leaves their other users alone.

At INFO and DEBUG they log URLs, headers and messages, with API keys, tokens and presigned URLs in them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_hushed: ContextVar[frozenset[str]] = ContextVar("realtime_fast_hushed", default=frozenset())

_muted: ContextVar[frozenset[str]] = ContextVar("realtime_fast_muted", default=frozenset())


@contextmanager
def hushed(*loggers: str) -> Iterator[None]:
    """Drop what these loggers log in this block, and in the tasks that begin in it.

    Errors stay, as a sentence without the library's own words. Loggers below these are not meant: name them too.
    """
    for name in loggers:
        logging.getLogger(name).addFilter(_hush)  # each logger has it once, however often it is added
    before = _hushed.set(_hushed.get() | frozenset(loggers))
    try:
        yield
    finally:
        _hushed.reset(before)


def muted(logger: str) -> None:
    """Drop the errors of a hushed logger too, for the rest of this task: it is about to raise a false alarm."""
    _muted.set(_muted.get() | {logger})


def _hush(record: logging.LogRecord) -> bool:
    if record.name not in _hushed.get():
        return True
    if record.levelno < logging.ERROR or record.name in _muted.get():
        return False
    kind = record.exc_info[0] if record.exc_info else None
    record.msg = f"{record.name} failed" + (f" on {kind.__name__}" if kind else "")
    record.args = record.exc_info = record.exc_text = record.stack_info = None
    return True
