"""Records: what a measurement returns, as plain values, as a table, and on a screen."""

from __future__ import annotations

from colliculus.records.record import Record
from colliculus.records.table import Column, Table, Tables

__all__ = ["Column", "Record", "Table", "Tables"]
