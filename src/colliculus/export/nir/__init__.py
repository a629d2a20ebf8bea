"""Export to NIR, the neuromorphic intermediate representation (Pedersen et al., Nature Communications 2024)."""
