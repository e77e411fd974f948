"""Keeps secrets out of texts: whatever a library or a far side says passes here before anybody reads it.

A key or token comes back in many spellings: percent-encoded in a URL, escaped in JSON, cut off at a limit. What is
hidden is therefore every piece of a secret, in any of these spellings, that is long enough not to be chance.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from realtime_fast.errors import RealtimeError

PIECE = 12
"""Characters of a secret that are hidden wherever they stand together; shorter secrets are hidden as a whole."""

SHORTEST = 4
"""Characters a secret has at least: a shorter one is a part of too many words."""

TEXT_LIMIT = 2000
"""Characters of a foreign text that are kept."""

HIDDEN = "[hidden]"

_DECODINGS = 3
"""How often a text is decoded: a URL within a URL is percent-encoded twice, and JSON may hold both."""

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|\\u00([0-9A-Fa-f]{2})|\\x([0-9A-Fa-f]{2})|\\(.)", re.DOTALL)

Failure = TypeVar("Failure", bound=BaseException)


class StandInError(Exception):
    """Stands for an error whose own text holds a secret: its type's name, and its text without the secret."""


class Secrets:
    """The strings of one session that must never show; more may become known while it lasts."""

    def __init__(self, *texts: str | None) -> None:
        self._pieces: dict[int, set[bytes]] = {}
        self._known: set[str] = set()
        self.add(*texts)

    def __repr__(self) -> str:
        return f"<{len(self._known)} secrets>"

    def add(self, *texts: str | None) -> None:
        """Hide these as well; None and what is shorter than `SHORTEST` are left out."""
        for text in texts:
            if text is None or len(text) < SHORTEST or text in self._known:
                continue
            self._known.add(text)
            data = text.encode(errors="surrogatepass")
            width = min(PIECE, len(data))
            pieces = self._pieces.setdefault(width, set())
            pieces.update(data[at : at + width] for at in range(len(data) - width + 1))

    def clean(self, text: str) -> str:
        """`text` with every piece of a secret replaced by `HIDDEN`, at most `TEXT_LIMIT` characters of it."""
        text = text[:TEXT_LIMIT]
        if not self._pieces:
            return text
        hidden = bytearray(len(text))
        data, spans = _bytes_of(text)
        for _ in range(_DECODINGS):
            for first, last in self._found(data):
                begin, end = spans[first][0], spans[last][1]
                hidden[begin:end] = b"\1" * (end - begin)
            decoded = _decode(data, spans)
            if decoded is None:
                break
            data, spans = decoded
        return _without(text, hidden)

    def clean_data(self, value: Any) -> Any:
        """A JSON-like value with all texts in it cleaned."""
        match value:
            case str():
                return self.clean(value)
            case Mapping():
                return {key: self.clean_data(item) for key, item in value.items()}
            case list() | tuple():
                return [self.clean_data(item) for item in value]
        return value

    def clean_error(self, error: Failure) -> Failure:
        """Clean an error of ours in place, and all that it was caused by.

        Any other error in the chain is left alone, unless its text holds a secret: then a `StandInError` takes its
        place. Returns the error itself.
        """
        self._clean_chain(error, set())
        return error

    def cleaned_cause(self, error: BaseException) -> BaseException:
        """A foreign error that is fit to be a `__cause__`: itself, or what stands in for it."""
        return self._fit(error, set())

    def _clean_chain(self, error: BaseException, seen: set[int]) -> None:
        seen.add(id(error))
        if isinstance(error, RealtimeError):
            error.message = self.clean(error.message)
            error.args = tuple(self.clean_data(arg) for arg in error.args)
        for link in ("__cause__", "__context__"):
            linked = getattr(error, link)
            if linked is None or id(linked) in seen:
                continue
            suppressed = error.__suppress_context__
            setattr(error, link, self._fit(linked, seen))
            error.__suppress_context__ = suppressed  # setting a cause sets this

    def _fit(self, error: BaseException, seen: set[int]) -> BaseException:
        self._clean_chain(error, seen)
        if isinstance(error, RealtimeError) or not self._shown_by(error):
            return error
        stand_in = StandInError(f"{type(error).__name__}: {self.clean(_safe_str(error))}")
        stand_in.__cause__ = error.__cause__
        stand_in.__context__ = error.__context__
        stand_in.__suppress_context__ = error.__suppress_context__
        return stand_in.with_traceback(error.__traceback__)

    def _shown_by(self, error: BaseException) -> bool:
        """Whether anything that is usually printed of an error, its attributes included, holds a secret."""
        texts = [_safe_str(error), *traceback.format_exception_only(error)]
        try:
            texts.append(repr((error.args, vars(error))))
        except Exception:  # noqa: BLE001 - a repr of somebody else's can fail in any way, and is then not printed
            texts.append("")
        return any(self.clean(part) != part for text in texts for part in _portions(text))

    def _found(self, data: bytes) -> Iterable[tuple[int, int]]:
        """First and last byte of each piece in `data`."""
        for width, pieces in self._pieces.items():
            for at in range(len(data) - width + 1):
                if data[at : at + width] in pieces:
                    yield at, at + width - 1


def _bytes_of(text: str) -> tuple[bytes, list[tuple[int, int]]]:
    """The bytes of a text, and for each the character (first, one past the last) that it comes from."""
    if text.isascii():
        return text.encode(), [(at, at + 1) for at in range(len(text))]
    encoded = [character.encode(errors="surrogatepass") for character in text]
    spans = [(at, at + 1) for at, some in enumerate(encoded) for _ in some]
    return b"".join(encoded), spans


def _decode(data: bytes, spans: list[tuple[int, int]]) -> tuple[bytes, list[tuple[int, int]]] | None:
    """One layer of percent and backslash escapes undone; None if there is none."""
    decoded = bytearray()
    kept: list[tuple[int, int]] = []
    at = 0
    for escape in _ESCAPE.finditer(data):
        begin, end = escape.span()
        decoded += data[at:begin]
        kept += spans[at:begin]
        code = escape[1] or escape[2] or escape[3]
        decoded += bytes([int(code, 16)]) if code else escape[4]
        kept.append((spans[begin][0], spans[end - 1][1]))
        at = end
    if at == 0:
        return None
    return bytes(decoded + data[at:]), kept + spans[at:]


def _without(text: str, hidden: bytearray) -> str:
    parts = []
    at = 0
    while (begin := hidden.find(1, at)) >= 0:
        end = hidden.find(0, begin)
        end = len(text) if end < 0 else end
        parts += [text[at:begin], HIDDEN]
        at = end
    return "".join([*parts, text[at:]])


def _safe_str(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - its own `__str__` may fail in any way
        return ""


def _portions(text: str) -> Iterable[str]:
    """A text of any length in overlapping portions that `clean` takes whole."""
    step = TEXT_LIMIT // 2
    for at in range(0, max(1, len(text)), step):
        yield text[at : at + TEXT_LIMIT]
