"""Fetching of public data from official mirrors, one file per dataset."""
