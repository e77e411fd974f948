"""The stand-in for the model: what happens to each picture, and who gets the result."""
