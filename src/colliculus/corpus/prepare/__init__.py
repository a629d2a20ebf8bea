"""Preparation of raw files: storages, worker processes and the tables of a prepared folder."""
