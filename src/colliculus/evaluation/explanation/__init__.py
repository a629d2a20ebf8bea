"""Explanations of decisions: example clips, maps over the inputs, spike rasters, and features in the plane."""
