"""Runs for others: a folder with the weights, the settings and a card, on the disk or on the Hugging Face Hub."""
