"""A run's model in the formats that people deploy, each checked in its own runtime."""
