"""Prompts that are typed while a session runs: line by line, with what is being typed kept below the live view."""

from __future__ import annotations

import codecs
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from realtime_fast.aio.drop_oldest import DropOldest

BACKSPACE, END_OF_INPUT, ERASE_LINE = "\x7f\b", "\x04", "\x15"


class TypedLine:
    """What is being typed, for terminals that do not echo; `feed` gives the lines that are complete."""

    def __init__(self) -> None:
        self.text = ""

    def feed(self, characters: str) -> Iterator[str]:
        """Take what was typed; yields each line that is finished."""
        for one in characters:
            if one in "\r\n":
                done, self.text = self.text.strip(), ""
                if done:
                    yield done
            elif one in BACKSPACE:
                self.text = self.text[:-1]
            elif one == ERASE_LINE:
                self.text = ""
            elif one.isprintable():
                self.text += one


@contextmanager
def typed_lines(line: TypedLine) -> Iterator[DropOldest[str]]:
    """The lines of standard input, until it ends; a terminal does not echo them meanwhile."""
    lines: DropOldest[str] = DropOldest(16)
    # Its read cannot be interrupted: as a daemon, the thread does not keep the process from ending.
    reader = threading.Thread(target=_read, args=(line, lines), name="read-input", daemon=True)
    with _unechoed():
        reader.start()
        try:
            yield lines
        finally:
            lines.close()


def _read(line: TypedLine, lines: DropOldest[str]) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
    try:
        while data := os.read(sys.stdin.fileno(), 1024):
            text = decoder.decode(data)
            for done in line.feed(text):
                lines.put(done)
            if END_OF_INPUT in text:
                break
    except OSError:
        pass  # no input: then there are no prompts
    finally:
        lines.close()


@contextmanager
def _unechoed() -> Iterator[None]:
    """A terminal that hands over each key, without showing it; Ctrl-C still interrupts."""
    try:
        import termios
        import tty
    except ImportError:  # Windows: the console stays as it is
        yield
        return
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
