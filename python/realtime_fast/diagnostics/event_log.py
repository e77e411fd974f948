"""A session as a file: one JSON object a line, for each event and sample (docs/quality.md, Event log)."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedWriter
from typing import Any

import msgspec

from realtime_fast.errors import InvalidInputError, RealtimeError
from realtime_fast.events import RemoteTrack, StatsSample

VERSION = 1
"""Of the format; a reader refuses others."""


class EventLog:
    """Writes every event of a session into a file: give it to a client as one of its `exporters`.

        options = RealtimeConnectOptions(model, exporters=[EventLog("run.jsonl")])

    Each line has the keys `t` (Unix time in ms) and `event` (its name), and those of the event. The first line,
    `session`, says what is logged; the last, `end`, that nothing is missing. `read_event_log` reads it.

    Args:
        path: The file; what is in it is replaced when the session begins.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._file: BufferedWriter | None = None

    def begin(self, about: Mapping[str, Any]) -> None:
        """Begin the file.

        Raises:
            OSError: It cannot be written.
        """
        self._file = open(self.path, "wb")  # noqa: SIM115 - `end` closes it
        self._write({"t": time.time() * 1000, "event": "session", "version": VERSION, **about})

    def export(self, events: Sequence[tuple[float, Any]]) -> None:
        """Write events; the file is complete up to the last of them then.

        Raises:
            OSError: They cannot be written.
        """
        for at, event in events:
            self._write({"t": at, "event": event.name, **event_fields(event)})
        if self._file is not None:
            self._file.flush()

    def end(self) -> None:
        """End the file."""
        file, self._file = self._file, None
        if file is not None:
            with file:
                file.write(_line({"t": time.time() * 1000, "event": "end"}))

    def _write(self, record: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.write(_line(record))


def read_event_log(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The lines of an `EventLog`, in order.

    A last line that was cut off by the end of its process is left out.

    Raises:
        InvalidInputError: It is not an event log, or one of another version; the message names the line.
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise InvalidInputError(
                    f"{os.fspath(path)}: expected a JSON object in line {number}; is it an event log?"
                ) from None
            if number == 1 and (record.get("event"), record.get("version")) != ("session", VERSION):
                raise InvalidInputError(
                    f"{os.fspath(path)}: expected an event log of version {VERSION}, got a first line of "
                    f"event {record.get('event')!r}, version {record.get('version')!r}"
                )
            yield record


def event_fields(event: Any) -> dict[str, Any]:
    """An event's fields as JSON values: errors as their code and text, samples under their wire names."""
    match event:
        case RemoteTrack(track=track):
            return {"kind": track.kind, "id": track.id}
        case StatsSample(stats=stats):
            return {"stats": stats.to_dict()}
        case _:
            fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
            return {name: _plain(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, RealtimeError):
        return {"code": value.code, "message": value.message}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _line(record: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(record, enc_hook=str) + b"\n"
