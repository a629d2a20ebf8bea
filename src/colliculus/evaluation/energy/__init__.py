"""Energy of a decision: operations counted on real data, priced by published cost tables."""
