"""What outlives a connection: the connect loop, one attempt at a time, and all decisions."""
