"""What a trained model is worth: figures, pictures and predictions."""
