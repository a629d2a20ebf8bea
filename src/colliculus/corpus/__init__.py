"""Corpus: raw files to one prepared folder; manifests, audits, splits and protocols."""
