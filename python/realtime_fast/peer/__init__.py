"""A WebRTC peer connection as a scope: the only package that knows aiortc's connection and its quirks."""

from realtime_fast.peer.peer import Peer, open_peer

__all__ = ["Peer", "open_peer"]
