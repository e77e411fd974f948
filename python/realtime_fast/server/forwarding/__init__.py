"""What the stage and the room share: one bundled transport, its media sections, and packets passed on undecoded."""
