"""Pictures of runs and of explanations."""
