"""From a run to checked files of other formats: the whole story is `export`, read top to bottom."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo.command_words import command
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.export import formats, parity
from zoo.export.example import example_script
from zoo.export.measure import measure
from zoo.quiet import import_tensorflow
from zoo.runs import ExportedRun, Run, open_run, size_of
from zoo.runtimes import file_digest
from zoo.tasks import Task
from zoo.tasks.catalog import get_task

_KEPT_OF_RUN = ("status", "model", "dataset", "seed", "data_digest", "parameters", "wall_seconds", "peak_memory_mib",
                "device", "precision", "git_revision", "versions")  # fmt: skip


def export(
    run_path: str | os.PathLike,
    form: str | Sequence[str],
    quantize: str | None = None,
    output: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    imports: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Write a run's model in one format or all, and compare each file with Keras on the whole test split.

    A file that passes lies in `output/<name>/` with labels.json, parity.json, results.json, predictions.npz and an
    example.py; one that does not, in `output/<name>.failed/`.

    Args:
        run_path: the folder of a finished run.
        form: one of `zoo.export.formats.FORMATS`, several of them, or all.
        quantize: one of `zoo.export.formats.QUANTIZATIONS`.
        output: by default the folder exports of the run.
        data_dir: where the data are, if not where the run, or the environment, says.
        imports: the user's modules, which register classes of the model.

    Returns:
        What parity.json holds, a dict a file, in which `failed` is empty if it passed. Of several formats, those that
        the model cannot be had in are left out, with the reason on standard error.

    Raises:
        ZooError: the run, its data or the combination cannot be exported, or `output` cannot be written.
    """
    forms = [form] if isinstance(form, str) else form
    targets = list(dict.fromkeys(target for one in forms for target in formats.targets(one, quantize)))
    run = open_run(run_path)
    dataset = _dataset_of(run, data_dir)
    folder = pathlib.Path(output) if output else run.path / "exports"
    import_tensorflow()
    with _working_folder(folder) as working:
        source = _source(run, dataset, working)
        targets = _possible(targets, source.model)
        task = get_task(run.labels["task"])
        print(f"keras: predicting {len(dataset.test):,} test rows", file=sys.stderr)
        run_file = functools.partial(measure, features=dataset.test.features, folder=working, imports=imports)
        reference = run_file(source.file)
        reference["as_trained"] = _as_trained(run, task, reference["answers"])
        made = []
        for target in targets:
            print(f"{target.name}: writing, then predicting {len(dataset.test):,} test rows", file=sys.stderr)
            made.append(_export_one(target, source, run, task, dataset.test, reference, run_file, working))
            name = f"{target.name}.failed" if made[-1]["failed"] else target.name
            _move_into_place(working / target.name, folder / name)
            if not made[-1]["failed"]:
                shutil.rmtree(folder / f"{target.name}.failed", ignore_errors=True)
        return made


def _possible(targets: list[formats.Target], model) -> list[formats.Target]:
    """The targets that the model can be exported to; it is an error if there is none."""
    reasons = {target: formats.refusal(target, model) for target in targets}
    if all(reasons.values()):
        raise ZooError(f"--format={targets[0].format}: {reasons[targets[0]]}")
    for target, reason in reasons.items():
        if reason:
            tell(f"{target.name}: left out: {reason}")
    return [target for target in targets if not reasons[target]]


def _dataset_of(run: Run, data_dir):
    from zoo import datasets

    if isinstance(run, ExportedRun):
        raise ZooError(f"{run.path}: is an export itself; name the run that it was made from")
    if run.record.get("status") != "finished":
        raise ZooError(
            f"{run.path}: is {run.record.get('status')}; finish it with {command('train')} --resume={run.path}"
        )
    task = get_task(run.labels["task"])
    if task.judged_by != "model":
        raise ZooError(f"{run.path}: a model of {task.words} is a start for others, and has no answer to export")
    if task.tokenizes:
        raise ZooError(
            f"{run.path}: a model that writes is not exported yet; its {run.model_file.name} opens with Keras, and "
            f"{command('serve')} answers over HTTP"
        )
    section = run.config.dataset
    if not data_dir:
        datasets.refuse_moved(section)
    dataset = datasets.load_configured(section, data_dir, task)
    if dataset.digest != run.record["data_digest"]:
        raise ZooError(f"{run.path}: the data have changed since it was trained, so that its test rows are others")
    return dataset


@contextlib.contextmanager
def _working_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder on the same disk, so that a finished export moves into place in one step."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".exporting-") as working:
            yield pathlib.Path(working)
    except OSError as error:
        if error.filename and not pathlib.Path(error.filename).absolute().is_relative_to(folder.absolute()):
            raise
        raise ZooError(f"--output={folder}: cannot be written ({error.strerror}); name another folder") from None


def _source(run: Run, dataset, working: pathlib.Path) -> formats.Source:
    """The model in float32, and its file, whose answers all others are compared with."""
    from zoo.layers.front import text_layer
    from zoo.loading import load_model
    from zoo.tokens import describe_tokenizer

    load_model(run)  # errors of the run's own file carry its own name
    path = working / "model.keras"
    formats.float32_file(run.model_file, path)
    model = load_model(path).model
    labels = {key: value for key, value in run.labels.items() if value is not None}
    front = text_layer(model)
    if front is not None:
        labels["tokenizer"] = describe_tokenizer(front)
    return formats.Source(path, model, labels, dataset.train.features)


def _as_trained(run: Run, task: Task, reference: np.ndarray) -> dict[str, Any]:
    """How far float32 is from the precision of training: the predictions of the run beside those of the reference."""
    answers = run.read_predictions("test").answers
    if answers is None or answers.shape != reference.shape or answers.dtype.kind != "f":
        raise ZooError(f"{run.predictions_file()}: not the predictions of its test split; train again")
    return {"precision": run.record.get("precision", "float32")} | task.agreement(answers, reference)


def _export_one(target, source, run, task: Task, test, reference, run_file, working) -> dict[str, Any]:
    """Fill the folder `working/<name>`; returns its parity.json."""
    made = Run(working / target.name)
    made.path.mkdir()
    facts = {
        "name": target.name,
        "format": target.format,
        "quantize": target.quantize,
        "file": target.file,
        "run": {key: run.record.get(key) for key in _KEPT_OF_RUN} | {"task": task.name},
        "keras_latency_ms": reference["latency_ms"],
        "as_trained": reference["as_trained"],
    }
    try:
        formats.write(_fitting_labels(source, target), target, made.path)
        measured = run_file(made.path / target.file)
    except ZooError as error:
        facts["failed"] = [str(error)]
    else:
        answers = measured.pop("answers")
        facts |= {"digest": file_digest(made.path / target.file), "size_bytes": size_of(made.path / target.file)}
        facts |= parity.judge(task, answers, reference["answers"], test.targets, run.labels, bool(target.quantize))
        facts |= {"runtime": measured["runtime"], "latency_ms": measured["latency_ms"]}
        if measured["one_by_one"] > facts["limits"].get("max_abs_difference", np.inf):
            facts["failed"].append(f"single examples are {measured['one_by_one']:.4g} off those of a batch")
        finite = np.isfinite(answers).all()
        scores = task.scores(answers, test.targets, run.labels) if finite else None
        made.write_predictions("test", test.ids, test.targets, answers, scores)
        if finite:
            made.write_json("results.json", {"test": task.results(answers, test.targets, run.labels)})
    _write_beside(made, target, source, run, facts)
    return facts


def _fitting_labels(source: formats.Source, target: formats.Target) -> formats.Source:
    """Formats that take strings hold the vocabulary already."""
    if target.format in ("onnx", "litert") or "tokenizer" not in source.labels:
        return source
    tokenizer = {key: value for key, value in source.labels["tokenizer"].items() if key != "vocabulary"}
    return dataclasses.replace(source, labels=source.labels | {"tokenizer": tokenizer})


def _write_beside(made: Run, target: formats.Target, source: formats.Source, run: Run, facts: dict[str, Any]) -> None:
    labels = _fitting_labels(source, target).labels
    made.write_json("labels.json", labels)
    made.write_json("parity.json", facts)
    made.write_config(run.config_text)
    made.write_text("example.py", example_script(target.format, labels, source.model))
    if "vocabulary" in labels.get("tokenizer", {}) and labels["tokenizer"]["kind"] == "word_piece":
        made.write_text("vocab.txt", "\n".join(labels["tokenizer"]["vocabulary"]) + "\n")


def _move_into_place(made: pathlib.Path, final: pathlib.Path) -> None:
    if final.exists():
        os.replace(final, made.with_name(f"{made.name}.before"))  # in the working folder, which goes away
    os.replace(made, final)
