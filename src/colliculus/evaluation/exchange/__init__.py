"""The exchange between modalities: does it matter for the decisions, and what trains it?"""
