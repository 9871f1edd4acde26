"""What a user hands to a trained model: files, arrays, rows and texts become the arrays that it reads."""
