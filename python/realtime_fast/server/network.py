"""A network in a box: a relay of datagrams on loopback that loses, delays and queues them as real networks do.

The service puts the relay's addresses in place of its own into what it describes, so that whoever connects, browsers
included, goes through it without knowing. Both directions follow the link model that the simulation of the media path
uses (`rtp::link` in the core), with the same names.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeAlias, cast

from realtime_fast._native import NetworkLink
from realtime_fast.errors import InvalidInputError

Address: TypeAlias = tuple[str, int]

MAX_CLIENTS = 64
"""Addresses from which one relayed socket takes datagrams; those of further ones are dropped."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What one direction of a network is like.

    Attributes:
        loss: Share of packets lost one by one, 0 … 1.
        burst_loss: Share of packets lost in bursts, 0 … 1.
        burst_length: Packets of a burst on average.
        delay: Seconds that every packet takes.
        jitter: Seconds by which that wanders at most; packets keep their order.
        reorder: Share of packets that come 20 to 40 ms too late, so that others overtake them.
        duplicate: Share of packets that come twice.
        rate: Bit/s of the bottleneck, None for no bottleneck.
        queue: Seconds that a packet may wait before the bottleneck; beyond that it is dropped.
    """

    loss: float = 0.0
    burst_loss: float = 0.0
    burst_length: float = 4.0
    delay: float = 0.0
    jitter: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    rate: int | None = None
    queue: float = 0.3

    def _named(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


Schedule: TypeAlias = tuple[tuple[float, Conditions], ...]
"""Conditions, and how many seconds after the start each of them begins; the first at 0."""


@dataclass(frozen=True, kw_only=True)
class NetworkProfile:
    """A network seen from a client.

    Attributes:
        up: From the client to the service.
        down: From the service to the client.
        seed: The same seed and the same packets meet the same fate.
    """

    up: Schedule = ((0.0, Conditions()),)
    down: Schedule = ((0.0, Conditions()),)
    seed: int = 0

    def __post_init__(self) -> None:
        for schedule in (self.up, self.down):
            NetworkLink(0, 0.0, *_as_named(schedule))

    @classmethod
    def symmetric(cls, *conditions: tuple[float, Conditions], seed: int = 0) -> Self:
        """The same schedule in both directions.

        Raises:
            InvalidInputError: Conditions outside of their range, or out of order.
        """
        return cls(up=conditions, down=conditions, seed=seed)

    @classmethod
    def parse(cls, text: str) -> Self:
        """A profile by its name (`wifi`, `lte`, `3g`, `transatlantic`, `lossy`, `600k`), or its conditions.

        Args:
            text: A name, or settings such as `rate=600k,delay=40ms,loss=5%,queue=300ms`, alike both ways; those
                behind `;20s:` hold from second 20 on.

        Raises:
            InvalidInputError: Neither; the message says what would be.
        """
        if "=" in text:
            return cls.symmetric(*map(_change, text.split(";")))
        up, down = NetworkLink.profile(text)
        return cls(up=((0.0, Conditions(**up)),), down=((0.0, Conditions(**down)),))


def _as_named(schedule: Schedule) -> tuple[Any, list[tuple[float, Any]]]:
    """As `NetworkLink` takes it: the first conditions, and the changes.

    Raises:
        InvalidInputError: It does not begin at 0.
    """
    if not schedule or schedule[0][0] != 0:
        raise InvalidInputError("A network's schedule must begin at 0 s")
    return schedule[0][1]._named(), [(at, conditions._named()) for at, conditions in schedule[1:]]


def _change(text: str) -> tuple[float, Conditions]:
    begin, colon, settings = text.rpartition(":")
    return _number("begin", begin) if colon else 0.0, Conditions(**dict(_settings(settings)))


def _settings(text: str) -> Iterator[tuple[str, Any]]:
    known = {item.name for item in fields(Conditions)}
    for setting in text.split(","):
        name, _, value = setting.strip().partition("=")
        if name not in known:
            raise InvalidInputError(f"Unknown network setting {name!r}; known are {', '.join(sorted(known))}")
        yield name, int(_number(name, value)) if name == "rate" else _number(name, value)


_UNITS = {"%": 0.01, "ms": 0.001, "s": 1.0, "k": 1e3, "M": 1e6}


def _number(name: str, value: str) -> float:
    unit = next((unit for unit in _UNITS if value.endswith(unit)), "")
    try:
        return float(value.removesuffix(unit)) * _UNITS.get(unit, 1.0)
    except ValueError:
        raise InvalidInputError(
            f"Network setting {name} must be a number such as 5%, 40ms or 600k, not {value!r}"
        ) from None


class _Datagram(bytes):
    """A datagram on its way, and what to do with it when it arrives."""

    deliver: Callable[[bytes], None]

    @classmethod
    def to(cls, data: bytes, deliver: Callable[[bytes], None]) -> Self:
        datagram = cls(data)
        datagram.deliver = deliver
        return datagram


class _Direction:
    """One direction: what goes in comes out at its time, if it does."""

    def __init__(self, schedule: Schedule, seed: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._link = NetworkLink(seed, time.monotonic(), *_as_named(schedule))
        self._timer: asyncio.TimerHandle | None = None

    def send(self, datagram: _Datagram) -> None:
        self._link.push(time.monotonic(), datagram)
        self._schedule()

    def figures(self) -> dict[str, int]:
        return self._link.figures()

    def change(self, schedule: Schedule) -> None:
        self._link.change(time.monotonic(), *_as_named(schedule))
        self._schedule()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arrive(self) -> None:
        self._timer = None
        while (datagram := self._link.pop(time.monotonic())) is not None:
            cast("_Datagram", datagram).deliver(datagram)
        self._schedule()

    def _schedule(self) -> None:
        self.close()
        deadline = self._link.deadline()
        if deadline is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - time.monotonic()), self._arrive)


class Network:
    """The network between a service and its clients: all of them share both directions.

    Made on a running event loop.
    """

    def __init__(self, profile: NetworkProfile) -> None:
        self._up = _Direction(profile.up, 2 * profile.seed)
        self._down = _Direction(profile.down, 2 * profile.seed + 1)

    @asynccontextmanager
    async def expose(self, address: Address) -> AsyncIterator[Address]:
        """Relay to a UDP socket for the length of a scope; yields the address that clients are to use instead."""
        relay = _Relay(self._up, self._down, address)
        loop = asyncio.get_running_loop()
        front, _ = await loop.create_datagram_endpoint(lambda: relay, local_addr=_local(address))
        try:
            yield front.get_extra_info("sockname")[:2]
        finally:
            relay.close()

    def change(self, profile: NetworkProfile) -> None:
        """Have other conditions from here on; what is on its way goes on."""
        self._up.change(profile.up)
        self._down.change(profile.down)

    def figures(self) -> dict[str, dict[str, int]]:
        """What became of all datagrams, by direction: `up` to the service, `down` to the clients."""
        return {"up": self._up.figures(), "down": self._down.figures()}

    def close(self) -> None:
        """Deliver nothing more."""
        self._up.close()
        self._down.close()


class Exposure:
    """What one connection shows of its sockets: with a network the relay's addresses, without one its own."""

    def __init__(self, network: Network | None) -> None:
        self._network = network
        self._scope = AsyncExitStack()
        self._shown: dict[Address, Address] = {}

    @property
    def is_relayed(self) -> bool:
        """Whether the far side goes through a network; it must not be reached past it then."""
        return self._network is not None

    async def address(self, own: Address) -> Address:
        """The address to show for one's own."""
        if self._network is None:
            return own
        if own not in self._shown:
            self._shown[own] = await self._scope.enter_async_context(self._network.expose(own))
        return self._shown[own]

    async def description(self, sdp: str) -> str:
        """A description of ours, with the addresses to show in its candidates."""
        if self._network is None:
            return sdp
        lines = []
        for line in sdp.splitlines():
            words = line.split(" ")
            if line.startswith("a=candidate:") and len(words) >= 6:
                host, port = await self.address((words[4], int(words[5])))
                words[4:6] = host, str(port)
            lines.append(" ".join(words))
        return "\r\n".join(lines) + "\r\n"

    async def aclose(self) -> None:
        """Relay nothing more."""
        await self._scope.aclose()


def _local(address: Address) -> Address:
    return ("::1" if ":" in address[0] else "127.0.0.1", 0)


@dataclass(eq=False)
class _Relay(asyncio.DatagramProtocol):
    """Clients on one side, the service's socket on the other; each client has a socket of its own there."""

    up: _Direction
    down: _Direction
    target: Address
    front: asyncio.DatagramTransport | None = None
    backs: dict[Address, _Back] = field(default_factory=dict)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.front = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        back = self.backs.get(addr)
        if back is None:
            if len(self.backs) >= MAX_CLIENTS:
                return
            back = self.backs[addr] = _Back(self, addr)
        self.up.send(_Datagram.to(data, back.forward))

    def answer(self, data: bytes, client: Address) -> None:
        def deliver(data: bytes) -> None:
            if self.front is not None and not self.front.is_closing():
                self.front.sendto(data, client)

        self.down.send(_Datagram.to(data, deliver))

    def close(self) -> None:
        if self.front is not None:
            self.front.close()
        for back in self.backs.values():
            back.close()


class _Back:
    """What the service sees of one client."""

    def __init__(self, relay: _Relay, client: Address) -> None:
        self._relay = relay
        self._client = client
        self._loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in relay.target[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(_local(relay.target))
        self._loop.add_reader(self._socket, self._read)

    def forward(self, data: bytes) -> None:
        if self._socket.fileno() >= 0:
            try:
                self._socket.sendto(data, self._relay.target)
            except OSError:
                return  # as on any network: the service's socket is gone, or its buffer is full

    def close(self) -> None:
        with closing(self._socket):
            self._loop.remove_reader(self._socket)

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(65536)
            except (BlockingIOError, ConnectionError):
                return
            self._relay.answer(data, self._client)
