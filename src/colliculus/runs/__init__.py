"""Runs: experiments, run folders and what they hold."""
