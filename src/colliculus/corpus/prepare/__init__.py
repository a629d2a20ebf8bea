"""Preparation of raw files: storage, workers and the tables of a prepared folder."""
