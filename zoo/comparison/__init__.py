"""Runs beside each other: which differ, by how much, and how sure one can be."""
