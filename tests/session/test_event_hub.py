from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from realtime_fast.errors import InvalidInputError
from realtime_fast.events import ConnectionChange, EventsDropped, GenerationTickMessage
from realtime_fast.session.event_hub import BACKLOG_LIMIT, EventHub, EventStream


@asynccontextmanager
async def delivering(hub: EventHub) -> AsyncIterator[None]:
    """Hand out what is emitted; leaving the block closes the hub, and waits for the rest."""
    async with anyio.create_task_group() as tasks:

        def spawn(call: Callable[[], Coroutine[Any, Any, None]]) -> None:
            tasks.start_soon(call)

        tasks.start_soon(hub.deliver, spawn)
        yield
        hub.close()


async def run(hub: EventHub) -> None:
    async with delivering(hub):
        pass


async def test_what_came_before_the_handler_is_delivered_once_in_order() -> None:
    hub = EventHub()
    seen: list[object] = []
    hub.emit(ConnectionChange("connecting"))
    hub.emit(GenerationTickMessage(1))
    hub.emit(ConnectionChange("connected"))
    hub.on("connection_change", seen.append)
    hub.on("generation_tick", seen.append)
    await run(hub)
    assert seen == ["connecting", GenerationTickMessage(1), "connected"]


async def test_a_failing_callback_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    hub = EventHub()
    seen: list[str] = []

    def broken(state: str) -> None:
        raise LookupError("sync")

    async def broken_later(state: str) -> None:
        await anyio.lowlevel.checkpoint()
        raise LookupError("async")

    async def good(state: str) -> None:
        await anyio.lowlevel.checkpoint()
        seen.append(state)

    for callback in (broken, broken_later, good, seen.append):
        hub.on("connection_change", callback)
    hub.emit(ConnectionChange("connected"))
    with caplog.at_level(logging.ERROR):
        await run(hub)
    assert seen == ["connected", "connected"]
    raised = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [error and error.args for error in raised] == [("sync",), ("async",)]


async def test_off_undoes_on_and_does_not_mind_strangers() -> None:
    hub = EventHub()
    seen: list[object] = []
    hub.on("connection_change", seen.append)
    hub.off("connection_change", seen.append)
    hub.off("connection_change", seen.append)
    hub.emit(ConnectionChange("connected"))
    await run(hub)
    assert seen == []


@pytest.mark.parametrize("name", ["typo", "", None, ["stats"]])
def test_an_unknown_name_lists_the_names(name: str) -> None:
    for call in (EventHub().on, EventHub().off):
        with pytest.raises(InvalidInputError, match="connection_change, error, generation_tick") as caught:
            call(name, print)
        assert isinstance(caught.value, ValueError)


async def test_a_stream_gets_everything_and_ends_with_the_hub() -> None:
    hub = EventHub()
    hub.emit(ConnectionChange("connecting"))
    stream = hub.stream()
    hub.emit(ConnectionChange("disconnected"))
    await run(hub)
    assert [event async for event in stream] == [
        ConnectionChange("connecting"),
        ConnectionChange("disconnected"),
    ]


async def test_a_slow_stream_loses_the_oldest_and_is_told() -> None:
    stream = EventStream(limit=3)
    for second in range(10):
        stream.put(GenerationTickMessage(second))
    stream.close()
    assert [event async for event in stream] == [EventsDropped(7), *map(GenerationTickMessage, (7, 8, 9))]


async def test_closing_wakes_a_waiting_reader() -> None:
    stream, ended = EventStream(), anyio.Event()

    async def read() -> None:
        async for _ in stream:
            pass
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        stream.close()
        with anyio.fail_after(5):
            await ended.wait()


async def test_an_abandoned_stream_is_forgotten() -> None:
    hub = EventHub()
    hub.stream()
    gc.collect()
    assert not list(hub._streams)


async def test_the_first_callback_gets_what_was_raised_before_however_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub = EventHub()
    first: list[GenerationTickMessage] = []
    second: list[GenerationTickMessage] = []
    states: list[str] = []
    async with delivering(hub):
        for number in range(BACKLOG_LIMIT + 5):
            hub.emit(GenerationTickMessage(number))
        hub.emit(ConnectionChange("connected"))
        await anyio.wait_all_tasks_blocked()
        hub.on("generation_tick", first.append)
        await anyio.wait_all_tasks_blocked()
        hub.on("generation_tick", second.append)
        hub.emit(GenerationTickMessage(-1))
        await anyio.wait_all_tasks_blocked()
        hub.on("connection_change", states.append)
        await anyio.wait_all_tasks_blocked()
    assert [tick.seconds for tick in first] == [*range(5, BACKLOG_LIMIT + 5), -1]
    assert second == [GenerationTickMessage(-1)]
    assert states == ["connected"]
    assert "5 events were dropped" in caplog.text


async def test_what_an_ended_session_raised_is_still_delivered(caplog: pytest.LogCaptureFixture) -> None:
    hub = EventHub()
    states: list[str] = []
    awaited: list[GenerationTickMessage] = []
    hub.emit(ConnectionChange("connected"))
    hub.emit(GenerationTickMessage(1))
    await run(hub)
    hub.on("connection_change", states.append)
    assert states == ["connected"]

    async def later(tick: GenerationTickMessage) -> None:
        awaited.append(tick)

    hub.on("generation_tick", later)
    assert awaited == []
    assert "not awaited" in caplog.text


async def test_only_the_first_stream_begins_at_the_beginning() -> None:
    hub = EventHub()
    async with delivering(hub):
        hub.emit(ConnectionChange("connecting"))
        await anyio.wait_all_tasks_blocked()
        first, second = hub.stream(), hub.stream()
        hub.emit(ConnectionChange("connected"))
        await anyio.wait_all_tasks_blocked()
    assert [event async for event in first] == [ConnectionChange("connecting"), ConnectionChange("connected")]
    assert [event async for event in second] == [ConnectionChange("connected")]
