"""Trained weights by name: what is known of them, and where their file is. No TensorFlow here."""
