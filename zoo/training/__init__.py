"""Training: the one loop, what surrounds it, and how it goes on after an interruption."""
