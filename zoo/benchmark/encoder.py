"""Seconds a training step of a BERT, the zoo's and that of transformers, in turns."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from zoo.errors import ZooError
from zoo.text_table import align_columns

LAYERS, HIDDEN, HEADS, INNER, VOCABULARY, LENGTH, CLASSES = 6, 384, 12, 1536, 30_522, 128, 5
BATCH, STEPS_A_TURN = 16, 4
CONTENDERS = {
    "zoo float32": ("zoo", "float32"),
    "zoo mixed_bfloat16": ("zoo", "mixed_bfloat16"),
    "transformers float32": ("transformers", "float32"),
    "transformers bfloat16": ("transformers", "bfloat16"),
}


def encoder_seconds_per_step(turns: int = 8) -> list[dict]:
    """Forward, backward and AdamW of a BERT of 6 layers of 384 on 16 texts of 128 pieces, dropout 0.1, in 4 processes.

    One works while the others wait. The zoo runs the training loop that users get; transformers'
    BertForSequenceClassification runs eagerly, in bfloat16 under `torch.autocast`. Neither drops attention weights.

    Args:
        turns: how often each process does four steps, after one turn that is not counted.

    Returns:
        One row a contender: name, median, least and most `seconds` a step, and `speedup`, the median of the float32
        transformers' seconds over its own.

    Raises:
        ZooError: a process ended, as without the packages of the extra `benchmark`; the text has its last line.
    """
    workers = {name: _start(*what) for name, what in CONTENDERS.items()}
    try:
        seconds = {name: [] for name in CONTENDERS}
        for turn in range(turns + 1):
            for name, worker in workers.items():
                taken = _take_turn(name, worker)
                if turn:
                    seconds[name].append(taken)
    finally:
        for worker in workers.values():
            worker.terminate()
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return [
        {
            "name": name,
            "seconds": medians[name],
            "least": min(values),
            "most": max(values),
            "speedup": medians["transformers float32"] / medians[name],
        }
        for name, values in seconds.items()
    ]


def format_rows(rows: list[dict]) -> str:
    """Aligned columns, ready to print."""
    cells = [("6 × 384, length 128, batch 16", "seconds a step", "least", "most", "speed-up")]
    for row in rows:
        numbers = (f"{row[key]:.3f}" for key in ("seconds", "least", "most"))
        cells.append((row["name"], *numbers, f"{row['speedup']:.2f}"))
    return align_columns(cells)


def _start(framework: str, precision: str) -> subprocess.Popen:
    command = [sys.executable, "-P", "-m", "zoo.benchmark.encoder", framework, precision]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _take_turn(name: str, worker: subprocess.Popen) -> float:
    try:
        print(file=worker.stdin, flush=True)
        return float(worker.stdout.readline())
    except (BrokenPipeError, ValueError):
        lines = worker.stderr.read().strip().splitlines()
        raise ZooError(f"{name}: {lines[-1] if lines else 'ended'}; pip install 'keras-model-zoo[benchmark]'") from None


def _work(run_steps: Callable[[], None]) -> None:
    """Do a turn for each line of standard input, and print how many seconds a step took."""
    for _ in sys.stdin:
        started = time.perf_counter()
        run_steps()
        print((time.perf_counter() - started) / STEPS_A_TURN, flush=True)


def _random_batches():
    import numpy as np

    random = np.random.default_rng(0)
    ids = random.integers(1000, VOCABULARY, (BATCH * STEPS_A_TURN, LENGTH), dtype="int32")
    return ids, random.integers(0, CLASSES, len(ids), dtype="int32")


def _zoo_steps(precision: str) -> Callable[[], None]:
    import keras

    import zoo
    from zoo.datasets.pipeline import BatchPlan, training_calls
    from zoo.settings import OptimizerSection, ScheduleSection
    from zoo.tasks import Training
    from zoo.training.optimizers import build_optimizer
    from zoo.training.trainer import batch_specification, build_trainer

    keras.config.set_dtype_policy(precision)
    model = zoo.create_model(
        "bbc_news_minilm", num_classes=CLASSES, vocabulary_size=VOCABULARY, length=LENGTH, num_layers=LAYERS,
        hidden_size=HIDDEN, num_heads=HEADS, feed_forward_size=INNER,
    )  # fmt: skip
    training = Training(zoo.load_config("bbc_news_bert", assignments=["training.label_smoothing=0"]), model, {}, None)
    task = zoo.model_info("bbc_news_bert").task
    trainer = build_trainer(task, training)
    optimizer = OptimizerSection(name="adamw", learning_rate=1e-4, weight_decay=0.01)
    trainer.set_up(
        lambda: build_optimizer(optimizer, ScheduleSection(), 1000, 1), task.loss(training), task.metrics(training)
    )
    ids, labels = _random_batches()
    trainer.prepare(batch_specification(trainer, labels, BATCH))
    plan = BatchPlan(len(ids), BATCH, STEPS_A_TURN, epochs=1000)
    calls = iter(training_calls(ids, labels, plan, seed=0))
    train = trainer.make_train_function()
    return lambda: train(calls)["loss"].numpy()


def _transformers_steps(precision: str) -> Callable[[], None]:
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INNER, num_labels=CLASSES, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    ids, labels = (torch.from_numpy(array).long().split(BATCH) for array in _random_batches())

    def run_steps():
        for x, y in zip(ids, labels, strict=True):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                loss = model(x, attention_mask=torch.ones_like(x), labels=y).loss
            loss.backward()
            optimizer.step()
        loss.item()

    return run_steps


if __name__ == "__main__":  # one of the processes
    framework, precision = sys.argv[1:]
    _work({"zoo": _zoo_steps, "transformers": _transformers_steps}[framework](precision))
    os._exit(0)  # TensorFlow's own end takes seconds
