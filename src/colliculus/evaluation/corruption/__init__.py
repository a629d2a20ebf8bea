"""Corruptions of the inputs: which are measured, and the functions that apply them."""
