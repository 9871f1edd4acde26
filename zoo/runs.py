"""The run directory: the one record that training writes and everything else reads."""

import dataclasses
import datetime
import json
import os
import pathlib
import secrets
import tempfile
from typing import TYPE_CHECKING, Any

from zoo.errors import ZooError
from zoo.tasks.catalog import read_labels

if TYPE_CHECKING:
    from zoo.config import Config

STATUSES = ("running", "finished", "interrupted", "failed")
_PREDICTIONS = {"test": "predictions.npz", "validation": "validation_predictions.npz"}


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a run's model answered to a split: NumPy arrays with a row an example.

    Attributes:
        ids: `[rows]`, where each row comes from.
        targets: what the answers are held against; None where the task keeps none.
        answers: as the task gives them.
        scores: `float[rows]` of the task; None where it has none, or the run is of the first version.
    """

    ids: Any
    targets: Any
    answers: Any
    scores: Any = None


@dataclasses.dataclass(frozen=True)
class Run:
    """A directory `runs/<model>/<timestamp>-<id>/`; docs/train.md says what each file holds."""

    path: pathlib.Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def model_file(self) -> pathlib.Path:
        return self.path / "model.keras"

    @property
    def history_file(self) -> pathlib.Path:
        return self.path / "history.csv"

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.path / "checkpoints"

    @property
    def config(self) -> "Config":
        """`config.yaml`: all that the training depended on.

        Raises:
            ZooError: it is missing or damaged, or its model is not registered here.
        """
        from zoo.config import validate

        values = self.config_values
        if "dataset" in values:
            values["dataset"] = _in_the_words_of_this_version(values["dataset"])
        return validate(values, str(self._config_file))

    @property
    def config_values(self) -> dict[str, Any]:
        """The same as plain values, unchecked: another version of the zoo, or a module of the user's, may know more."""
        from zoo.config import read_yaml

        return read_yaml(self._config_file)

    @property
    def dataset_values(self) -> Any:
        """The `dataset` of config.yaml alone, as plain values; its model may not be registered here."""
        return _in_the_words_of_this_version(self.config_values.get("dataset"))

    @property
    def config_text(self) -> str:
        """The same as text."""
        from zoo import safe_reading

        return safe_reading.read_text(self._config_file, safe_reading.MOST_YAML_BYTES, "train again")

    def write_config(self, text: str) -> None:
        self.write_text(self._config_file.name, text)

    @property
    def _config_file(self) -> pathlib.Path:
        return self.path / "config.yaml"

    @property
    def history(self) -> dict[str, Any]:
        """`history.csv`: a column by its name, `float64[epochs]`; those without a number are left out."""
        from zoo.run_files import read_history

        return read_history(self.history_file)

    @property
    def record(self) -> dict[str, Any]:
        """`run.json`: status, command, seed, versions, device, data digest, wall time, peak memory."""
        from zoo.run_files import RunRecord

        return self.read_json("run.json", RunRecord)

    @property
    def results(self) -> dict[str, Any]:
        from zoo.run_files import Results

        return self.read_json("results.json", Results)

    @property
    def labels(self) -> dict[str, Any]:
        """`labels.json`: task, what the model reads, and what names its answers, in the words of this version."""
        from zoo.opening.labels import Labels

        return read_labels(self.read_json("labels.json", Labels))

    @property
    def label_names(self) -> list[str]:
        return self.labels["label_names"]

    @property
    def model_name(self) -> str:
        return self.path.parent.name

    @property
    def variant(self) -> str:
        """What the config does not say: the format of an export."""
        return ""

    def predictions_file(self, split_name: str = "test") -> pathlib.Path:
        return self.path / _PREDICTIONS[split_name]

    def read_predictions(self, split_name: str = "test") -> Predictions:
        """What the run keeps of test or validation.

        Raises:
            ZooError: the file is missing or damaged, or its arrays do not fit each other.
        """
        from zoo import safe_reading

        path = self.predictions_file(split_name)
        arrays = safe_reading.read_arrays(path, "train again")
        former = {"targets": "labels", "answers": "probabilities"}  # the first version knew classifiers alone
        targets, answers = (arrays.get(name, arrays.get(former[name])) for name in ("targets", "answers"))
        ids, scores = arrays.get("ids"), arrays.get("scores")
        parts = [part for part in (ids, targets, answers, scores) if part is not None]
        if ids is None or not ids.size or {len(part) if part.ndim else 0 for part in parts} != {len(ids)}:
            raise ZooError(f"{path}: ids, targets and answers are not as many; train again")
        return Predictions(ids, targets, answers, scores)

    def write_predictions(self, split_name: str, ids, targets, answers, scores) -> None:
        """Keep what the model answered to a split; None is left out."""
        import numpy as np

        arrays = {"ids": ids, "targets": targets, "answers": answers, "scores": scores}
        known = {name: array for name, array in arrays.items() if array is not None}
        np.savez_compressed(self.predictions_file(split_name), **known)

    def read_json(self, name: str, kind: type | None = None) -> dict[str, Any]:
        """What a file of the run holds. Asking the result for a key that is missing raises a `ZooError` too.

        Args:
            name: of the file.
            kind: a class of `zoo.run_files` that says which types the values have.

        Raises:
            ZooError: the file is missing or damaged.
        """
        from zoo import run_files, safe_reading  # importing pydantic takes a while, and `--help` needs no run

        path, advice = self.path / name, "train again"
        if not path.exists():
            raise ZooError(f"{path}: not there; the run is unfinished or this is no run")
        values = run_files.Record(safe_reading.read_mapping(path, advice), str(path), advice)
        return run_files.check(values, kind, str(path), advice) if kind else values

    def write_json(self, name: str, value: Any) -> None:
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        write_atomically(self.path / name, text.encode("utf-8", "replace"))  # a command line may be no UTF-8

    def write_figures(self, name: str, figures: Any) -> None:
        """As `write_json`, of what is measured of a finished run.

        Raises:
            ZooError: the file cannot be written.
        """
        try:
            self.write_json(name, figures)
        except OSError as error:
            where = self.path / name
            raise ZooError(
                f"{where}: cannot be written ({error.strerror}); copy the run to a folder of yours"
            ) from None

    def write_text(self, name: str, text: str) -> None:
        write_atomically(self.path / name, text.encode())

    def update_record(self, **values: Any) -> None:
        """Lay values over `run.json`."""
        before = self.record if (self.path / "run.json").exists() else {}
        self.write_json("run.json", before | values)


def _in_the_words_of_this_version(dataset: Any) -> Any:
    """The `dataset` of a config.yaml: before it had the key `duplicates`, equal rows of a table were dropped."""
    is_table = isinstance(dataset, dict) and dataset.get("name") == "csv"
    return {"duplicates": "drop"} | dataset if is_table else dataset


class ExportedRun(Run):
    """What export.py leaves: a model in another format, with its own figures on the run's test split."""

    @property
    def parity(self) -> dict[str, Any]:
        """Raises: ZooError: it is damaged, or the file failed."""
        from zoo.run_files import Parity

        parity = self.read_json("parity.json", Parity)
        if pathlib.PurePath(parity["file"]).name != parity["file"] or parity["file"] == "..":
            raise ZooError(f"{self.path / 'parity.json'}: damaged, its file lies elsewhere; export again")
        if parity["failed"]:
            raise ZooError(f"{self.path}: left out, this export failed: {parity['failed'][0]}")
        return parity

    @property
    def record(self) -> dict[str, Any]:
        """That of the run it was made from; the name of the model says the format too."""
        from zoo.run_files import Record, RunRecord, check

        where = f"{self.path / 'parity.json'}: run"
        known = {key: value for key, value in self.parity["run"].items() if value is not None}  # its run had them not
        record = check(Record(known, where, "export again"), RunRecord, where, "export again")
        record["model"] = self.model_name
        return record

    @property
    def model_name(self) -> str:
        return f"{self.parity['run']['model']} [{self.variant}]"

    @property
    def variant(self) -> str:
        return self.parity.get("name", self.path.name)

    @property
    def model_file(self) -> pathlib.Path:
        return self.path / self.parity["file"]


class SoupRun(Run):
    """What soup.py leaves: the average of the weights of several runs, with figures of its own."""

    @property
    def soup(self) -> dict[str, Any]:
        """`soup.json`: method, value on validation, and the ingredients, the best on validation first.

        Raises:
            ZooError: it is damaged.
        """
        from zoo.run_files import Soup

        return self.read_json("soup.json", Soup)

    @property
    def record(self) -> dict[str, Any]:
        """`run.json`; the name of the model says that it is a soup."""
        record = super().record
        record["model"] = f"{record['model']} [{self.variant}]"
        return record

    @property
    def variant(self) -> str:
        return f"{self.soup['method']} soup"


def run_at(path: pathlib.Path) -> Run:
    """The run, export or soup in a folder, unchecked."""
    kinds = {"parity.json": ExportedRun, "soup.json": SoupRun}
    return next((kind for name, kind in kinds.items() if (path / name).exists()), Run)(path)


def create_run(runs_dir: str | os.PathLike, model_name: str) -> Run:
    """Make a new, empty run directory.

    Raises:
        ZooError: the directory cannot be written.
    """
    timestamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path = pathlib.Path(runs_dir) / model_name / f"{timestamp}-{secrets.token_hex(3)}"
    try:
        path.mkdir(parents=True)
        (path / "checkpoints").mkdir()
    except OSError as error:
        raise ZooError(f"--runs_dir={runs_dir}: cannot be written ({error.strerror}); name another folder") from None
    return Run(path)


def open_run(path: str | os.PathLike | Run) -> Run:
    """The run, or the export, at a path; a run itself is one already.

    Raises:
        ZooError: there is none.
    """
    if isinstance(path, Run):
        return path
    path = pathlib.Path(path)
    if (path / "parity.json").exists():
        return run_at(path)
    if not path.is_dir():
        raise ZooError(f"{path}: no such run directory; training prints where it puts its run")
    if not (path / "run.json").exists():
        inside = sorted(path.glob("**/run.json"))
        hint = f"; did you mean {inside[-1].parent}?" if inside else "; it has no run.json"
        raise ZooError(f"{path}: is not a run{hint}")
    return run_at(path)


def size_of(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def write_atomically(path: pathlib.Path, content: bytes) -> None:
    """Write a file so that a reader, or a power cut, sees the old content or the new, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_output(flag: str, path: str, content: str | bytes) -> None:
    """Write the document that a flag asks for.

    Raises:
        ZooError: the file cannot be written.
    """
    try:
        write_atomically(pathlib.Path(path), content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise ZooError(f"{flag}={path}: cannot be written ({error.strerror}); name another file") from None
