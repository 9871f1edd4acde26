"""The zoo's own training, `zoo.train`, one epoch a turn."""

import tempfile

from zoo.benchmark.architecture import Layer, architecture_of
from zoo.benchmark.data import training_examples
from zoo.benchmark.turns import Turns
from zoo.config import Config, validate

_EPOCHS = 10_000  # as many as nobody waits for


def build_architecture(config: Config) -> list[Layer]:
    """The network that `zoo.train` starts from with this config, seed included."""
    from zoo.models import catalog
    from zoo.quiet import import_tensorflow
    from zoo.training.checks import model_options

    import_tensorflow()
    import keras

    keras.utils.set_random_seed(config.training.seed)
    options = model_options(config, training_examples(config))
    return architecture_of(catalog.create_model(config.model.name, **options), config.model.name)


def train(turns: Turns, config: Config, architecture: list[Layer]) -> None:
    """`zoo.train` with all that it does: pipeline, validation, selection, history, TensorBoard, checkpoints.

    The clock runs from the beginning of an epoch to that of its validation.
    """
    from zoo.quiet import import_tensorflow
    from zoo.training import fit

    dataset = training_examples(config)
    values = config.model_dump()
    # The process waits most of the time, so that a checkpoint would be due in each epoch.
    values["training"] |= {"epochs": _EPOCHS, "checkpoint_minutes": 1e6}
    import_tensorflow(start=False)
    from zoo.training import callbacks

    class History(callbacks.History):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 0:
                turns.ready(**_facts(self.model, dataset, config.training.batch_size))
            turns.begin_epoch()
            super().on_epoch_begin(epoch, logs)

        def on_test_begin(self, logs=None):
            turns.end_epoch()
            super().on_test_begin(logs)

    callbacks.History = History
    with tempfile.TemporaryDirectory() as runs_dir:
        fit.train(validate(values, "benchmark"), runs_dir, dataset=dataset, show_progress=False)


def _facts(trainer, dataset, batch_size: int) -> dict:
    """Parameters, and the loss of the first batch, before the first step."""
    import numpy as np

    x, y = dataset.train.features[:batch_size], dataset.train.targets[:batch_size]
    logits = trainer(x, training=True)
    loss = trainer.compute_loss(x, y, logits, np.ones(len(y), "float32"), training=True)
    return {"parameters": sum(variable.value.shape.num_elements() for variable in trainer.trainable_variables),
            "first_loss": float(loss), "examples": len(dataset.train)}  # fmt: skip
