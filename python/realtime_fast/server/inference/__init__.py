"""One client's inference session, from its messages to its media path."""
