"""Training: one loop that knows no paper, its settings, its run folder and its exact resume."""
