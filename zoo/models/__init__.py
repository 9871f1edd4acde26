"""The registered model families. Importing this package registers them and imports no TensorFlow."""

from zoo.models import bert, cnn, mlp, tables, texts  # noqa: F401
