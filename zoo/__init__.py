"""A zoo of named Keras 3 models on TensorFlow whose published numbers can be re-run.

Importing this package imports neither TensorFlow nor Keras: they come with the first call that needs them.
"""

import os

import lazy_loader

# TensorFlow greets CPU machines with CUDA errors; a user who set the variable keeps the setting.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["datasets", "evaluation", "training", "runs"],
    submod_attrs={
        "registry": ["register_model", "ModelInfo"],
        "models.catalog": ["list_models", "model_info", "create_model"],
        "tasks": ["Task", "Metric"],
        "tasks.catalog": ["register_task"],
        "config": ["Config", "load_config"],
        "errors": ["ZooError"],
        "loading": ["load_model", "LoadedModel"],
        "evaluation.features": ["load_features"],
        "library": ["train", "evaluate", "compare", "generate", "list_runs"],
        "notebook": ["Run", "Comparison"],
        "runs": ["open_run"],
        "training.callbacks": ["RunCallback"],
        "version": ["__version__"],
    },
)
