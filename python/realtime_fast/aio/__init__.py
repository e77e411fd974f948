"""Foundations over anyio: one WebSocket, task scopes, bounded queues."""
