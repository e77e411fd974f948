"""The control channel between a client and the service: its URL, its messages, its tokens."""
