"""Train with each setting of the strategies' table, into FOLDER/outcomes.json.

python tests/training/every_combination.py STRATEGY FOLDER
"""

import dataclasses
import json
import pathlib
import sys

import numpy as np
from small_trainings import weights, without_pictures
from test_resizing import NAME as ANY_SIZE

import zoo
from zoo import datasets
from zoo.datasets.splits import Split
from zoo.datasets.texts import as_array
from zoo.training.cluster import is_first_task
from zoo.training.combinations import COMBINATIONS


def main(strategy: str, folder: str) -> None:
    generator = np.random.default_rng(0)
    images, labels = generator.integers(0, 256, (84, 8, 8, 1), "uint8"), np.arange(84, dtype="int32") % 3
    info = dataclasses.replace(datasets.dataset_info("image_folder"), label_names=("a", "b", "c"))
    parts = [Split(images[a:b], labels[a:b], np.arange(a, b)) for a, b in ((0, 64), (64, 81), (81, 84))]
    report = {"origin": "random", "counts": {}}
    dataset = datasets.Dataset(info, *parts, digest="sha256:test", report=report)
    texts = dataclasses.replace(
        dataset,
        info=dataclasses.replace(datasets.dataset_info("text_folder"), label_names=("a", "b", "c")),
        **{
            name: dataclasses.replace(part, features=as_array(["abc" * (1 + label) for label in part.targets]))
            for name, part in zip(("train", "validation", "test"), parts, strict=True)
        },
    )
    basics = [
        "training.optimizer={}", "training.schedule={}", "training.epochs=2", "training.batch_size=16",
        f"training.strategy={strategy}",
    ]  # fmt: skip
    of_images = [
        "dataset={name: image_folder, augmentation: {shift_pixels: 1, crop_padding: 1, mixup: 0.4, cutmix: 1.0}}",
        "model.options={hidden_units: [8], dropout: 0.2, batch_normalization: true}",
    ]
    of_texts = [
        "dataset.name=text_folder", "training.precision=float32", "training.steps_per_call=2",
        "model.options={length: 16, vocabulary_size: 60, num_layers: 1, hidden_size: 8, num_heads: 2,"
        " feed_forward_size: 8}",
    ]  # fmt: skip
    exactly = ["training.precision=float32", "training.xla=off", "training.selection=last"]
    if strategy == "mirrored":
        basics.append("training.virtual_devices=2")
    outcomes = {}
    # Determinism cannot be switched off again in a process: it comes last.
    for combination in sorted(COMBINATIONS, key=lambda c: "deterministic" in c.setting):
        model, own, data = ("mnist_mlp", of_images, dataset)
        if "length_buckets" in combination.setting:
            model, own, data = ("bbc_news_bert", of_texts, texts)
        if "unfreeze" in combination.setting:
            own = [*of_images, "training.frozen_layers=[dense, batch_normalization]", *exactly]
        if "resizing" in combination.setting:
            model, own = ANY_SIZE, [*of_images[:1], *exactly]
        setting = combination.setting
        if "teacher" in setting:  # the first run, which all workers find under the same name
            setting = setting.replace("RUN", str(min(pathlib.Path(folder).glob("runs/mnist_mlp/*/model.keras"))))
        config = zoo.load_config(model, assignments=[*basics, *own, setting])
        assert combination.is_set(config.training)
        try:
            with without_pictures():
                run = zoo.train(config, pathlib.Path(folder) / "runs", dataset=data, show_progress=False)
            assert run is None or run.record["status"] == "finished"
            assert run is None or not config.training.pruning or run.record["pruned"]["sparsity"] > 0.79
            if own[-1] == exactly[-1] and strategy == "mirrored":
                alone = zoo.load_config(model, assignments=[*basics, *own, setting, "training.strategy=default"])
                with without_pictures():
                    of_one = zoo.train(alone, pathlib.Path(folder) / "alone", dataset=data, show_progress=False)
                np.testing.assert_allclose(weights(run), weights(of_one), atol=1e-5)
            outcomes[combination.setting] = "runs"
        except zoo.ZooError as error:
            assert combination.setting.split("=")[0] in str(error), error
            outcomes[combination.setting] = "refused"
    if is_first_task():
        (pathlib.Path(folder) / "outcomes.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
