"""A trained run behind HTTP, for programs on the same machine."""
