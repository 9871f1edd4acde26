"""What a training minimizes and reports: the class of an example, or the pieces that were hidden from a text."""

import dataclasses
from typing import Any

import numpy as np

from zoo import registry, runs
from zoo.config import Config
from zoo.errors import ZooError
from zoo.training import preprocessing


class Classification:
    """Say the class of an example."""

    def __init__(self, config: Config, model, options: dict[str, Any]):
        """`options` are those that the registry's builder made the model with."""
        self.config, self.model, self.options = config, model, options

    def arrays(self, dataset):
        """The dataset as the trainer reads it."""
        return preprocessing.encoded(self.model, dataset)

    def trainer(self):
        from zoo.training.trainer import build_trainer

        name, lengths = self.config.model.name, self.config.training.length_buckets
        shorter = [registry.create_model(name, **self.options | {"length": length}) for length in lengths]
        return build_trainer(self.model, self.config.training.seed, shorter)

    def loss(self):
        """(loss, metric named accuracy)."""
        from zoo.training.losses import classification_loss

        return classification_loss(self.model.output_shape[-1], self.config.training.label_smoothing)

    def augmentation(self, dataset):
        """Changes of each training batch, or None."""
        from zoo.datasets.augmentation import Augmentation

        return Augmentation(self.config.dataset.augmentation) if dataset.info.kind == "image" else None

    def evaluate(self, run: runs.Run, dataset, selection) -> None:
        """Figures of the saved file, predictions, pictures. Here, and only here, the test split is read."""
        from zoo.evaluation.outcome import write_outcome
        from zoo.loading import load_model

        write_outcome(run, dataset, load_model(run).predict_probabilities, {"best_epoch": selection.best_epoch})


class MaskedLanguage(Classification):
    """Say which pieces were hidden; those of validation and test are hidden once, the same for every seed."""

    def _masking(self):
        from zoo.models.front import text_layer
        from zoo.training.masked_language import Masking

        return Masking(self.config.training.masking, text_layer(self.model).vocabulary)

    def _masked(self, features: np.ndarray) -> np.ndarray:
        return np.asarray(self._masking()(features, np.arange(len(features)), np.zeros(2, "int64")))

    def arrays(self, dataset):
        dataset = preprocessing.encoded(self.model, dataset)
        validation = dataclasses.replace(dataset.validation, features=self._masked(dataset.validation.features))
        return dataclasses.replace(dataset, validation=validation)

    def trainer(self):
        from zoo.training.masked_language import build_masked_trainer

        settings = self.config.training
        return build_masked_trainer(self.model, settings.seed, settings.masking.fraction)

    def loss(self):
        from zoo.training.masked_language import masked_loss

        return masked_loss()

    def augmentation(self, dataset):
        return self._masking()

    def evaluate(self, run: runs.Run, dataset, selection) -> None:
        from zoo.drawing import figures
        from zoo.training.masked_language import masked_results

        results: dict[str, Any] = {"best_epoch": selection.best_epoch}
        trainer = self.trainer()
        for split_name in _splits_to_judge(dataset):
            features = preprocessing.encode(self.model, getattr(dataset, split_name).features)
            results[split_name] = masked_results(trainer, self._masked(features))
        run.write_json("results.json", results)
        figures.save_training_curves(run.history_file, run.path / "training.png")


def _splits_to_judge(dataset) -> list[str]:
    return ["validation"] if dataset.test is None else ["validation", "test"]


def objective_of(config: Config, model, options: dict[str, Any]) -> Classification:
    """The objective that the model's task asks for.

    Raises:
        ZooError: `training.length_buckets` does not go with the model.
    """
    from zoo.layers.word_piece import WordPieceTokenizer
    from zoo.models.front import text_layer

    masked = registry.model_info(config.model.name).task == "masked_language_model"
    lengths, front = config.training.length_buckets, text_layer(model)
    if lengths and (masked or not isinstance(front, WordPieceTokenizer)):
        raise ZooError(
            f"training.length_buckets: {config.model.name} cannot do with shorter texts; BERT classifiers alone can"
        )
    if lengths and (sorted(set(lengths)) != lengths or lengths[-1] >= front.length):
        raise ZooError(
            f"training.length_buckets={lengths}: rising lengths below the model's, {front.length}, are needed"
        )
    return (MaskedLanguage if masked else Classification)(config, model, options)
