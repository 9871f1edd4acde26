"""Trainings of trainings: seeds, searches, baselines, claims re-run, and processes on several hosts."""
