"""The mailbox: newest wins, nobody waits to put, closing wakes, cancelling loses nothing."""

from __future__ import annotations

import random
import threading

import anyio
import pytest

from realtime_fast.aio.drop_oldest import DropOldest


async def test_a_box_of_one_holds_the_latest() -> None:
    box: DropOldest[int] = DropOldest()
    for item in range(5):
        box.put(item)
    assert await box.get() == 4
    assert (box.put_count, box.dropped, len(box)) == (5, 4, 0)


async def test_the_oldest_makes_room_and_order_is_kept() -> None:
    box: DropOldest[int] = DropOldest(3)
    for item in range(5):
        box.put(item)
    assert [await box.get() for _ in range(3)] == [2, 3, 4]
    assert box.dropped == 2


async def test_what_was_put_before_closing_is_still_read() -> None:
    box: DropOldest[str] = DropOldest(2)
    box.put("last")
    box.close()
    box.close()
    box.put("too late")
    assert await box.get() == "last"
    with pytest.raises(anyio.EndOfStream):
        await box.get()
    assert (box.put_count, box.dropped) == (1, 0)


async def test_closing_wakes_every_reader() -> None:
    box: DropOldest[int] = DropOldest()
    ended = 0

    async def read() -> None:
        nonlocal ended
        with pytest.raises(anyio.EndOfStream):
            await box.get()
        ended += 1

    with anyio.fail_after(2):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            box.close()
    assert ended == 3


async def test_a_cancelled_reader_hears_that_before_the_end() -> None:
    box: DropOldest[int] = DropOldest()
    with anyio.CancelScope() as scope:
        scope.cancel()
        box.close()
        await box.get()
    assert scope.cancelled_caught


async def test_a_thread_may_put() -> None:
    box: DropOldest[int] = DropOldest(1000)

    def produce() -> None:
        for item in range(1000):
            box.put(item)
        box.close()

    thread = threading.Thread(target=produce)
    seen: list[int] = []
    with anyio.fail_after(5):
        thread.start()
        with pytest.raises(anyio.EndOfStream):
            while True:
                seen.append(await box.get())
    thread.join()
    assert seen == list(range(1000))


async def breathe() -> None:
    for _ in range(4):
        await anyio.sleep(0)


@pytest.mark.parametrize("seed", range(20))
async def test_a_cancelled_reader_takes_nothing_with_it(seed: int) -> None:
    dice = random.Random(seed)
    box: DropOldest[int] = DropOldest(100)
    seen: list[int] = []

    async def read(scope: anyio.CancelScope) -> None:
        with scope:
            seen.append(await box.get())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for item in range(100):
                scopes = [anyio.CancelScope() for _ in range(dice.randint(1, 3))]
                for scope in scopes:
                    tasks.start_soon(read, scope)
                if dice.random() < 0.5:
                    await breathe()
                box.put(item)
                for scope in dice.sample(scopes, dice.randint(0, len(scopes))):
                    scope.cancel()
                await breathe()
                while len(box):
                    seen.append(await box.get())
            tasks.cancel_scope.cancel()
    assert sorted(seen) == list(range(100)), "each item is read exactly once"


async def test_a_box_outlives_the_loop_of_a_reader() -> None:
    box: DropOldest[int] = DropOldest()

    def other_loop() -> None:
        async def give_up() -> None:
            with anyio.move_on_after(0.01):
                await box.get()

        anyio.run(give_up)

    thread = threading.Thread(target=other_loop)
    thread.start()
    await anyio.to_thread.run_sync(thread.join)
    box.put(7)
    assert await box.get() == 7


async def test_waiting_leaves_the_item_for_whoever_takes_it() -> None:
    box: DropOldest[int] = DropOldest()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.wait)
        await anyio.wait_all_tasks_blocked()
        box.put(1)
    box.put(2)
    assert (await box.get(), box.dropped) == (2, 1)
    box.close()
    with pytest.raises(anyio.EndOfStream):
        await box.wait()


def test_a_box_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DropOldest(0)
