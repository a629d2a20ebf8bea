"""Files: atomic writing, locks, documents, caches, checks and tables of text."""
