"""Work that needs many trainings: seeds, searches, baselines, claims measured again, several hosts."""
