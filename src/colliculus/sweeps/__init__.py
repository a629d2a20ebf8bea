"""Sweeps: plans of trainings and the jobs that run them."""
