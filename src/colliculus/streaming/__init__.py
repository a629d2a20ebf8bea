"""Streams: a model that gets its frames one after the other, and has an answer after each."""
