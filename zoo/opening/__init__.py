"""Judges of model files: what may be in one, and how much of it, before a library that runs it sees it.

No module here imports TensorFlow when it is imported.
"""
