"""Model files are judged here, before a library reads them: what is in the file, and how much of it.

No module here imports TensorFlow when it is imported.
"""
