"""What a decision costs: operations counted on real data, times the energies of published tables."""
