"""A trained model behind HTTP: TensorFlow Serving's REST form, requests in batches, a page to try it."""
