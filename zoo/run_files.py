"""What a run's JSON files and its history.csv may hold. Anybody may have written them, so reading checks them.

Keys that are not named here pass, as do files of older versions that lack some; what is named has its type.
"""

import csv
import io
import json
import pathlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from zoo.errors import ZooError, shortened
from zoo.safe_reading import read_text
from zoo.settings import MOST_EPOCHS

_MOST_HISTORY_BYTES, _MOST_COLUMNS = 16 << 20, 100
Name = Annotated[str, Field(max_length=1000)]
Share = Annotated[float, Field(ge=0, le=1)]


class _File(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Process(_File):
    host: str
    id: Annotated[int, Field(gt=0, lt=2**31)]


class _Teacher(_File):
    digest: str


class _Pruned(_File):
    sparsity: Share
    kernel_weights: PositiveInt
    bytes: PositiveInt
    bytes_compressed: NonNegativeInt


class RunRecord(_File):
    """run.json."""

    status: Name = ""
    model: Name = ""
    dataset: Name = ""
    seed: int = 0
    data_digest: str = ""
    command: str = ""
    device: Name = ""
    precision: Name = ""
    git_revision: str | None = None
    versions: dict[str, str] = {}
    process: _Process = None
    resumed: NonNegativeInt = 0
    parameters: NonNegativeInt = 0
    steps_per_call: PositiveInt = 1
    flops: NonNegativeInt | None = None
    wall_seconds: NonNegativeFloat = 0.0
    peak_memory_mib: NonNegativeFloat = 0.0
    teacher: _Teacher = None
    pruned: _Pruned = None


class _Accuracy(_File):
    value: Share
    interval: Annotated[list[Share], Field(min_length=2, max_length=2)] = []


class _Figures(_File):
    """Figures of any task: those named here are checked where they are there, and so are all with an interval."""

    n: NonNegativeInt = 0
    accuracy: _Accuracy | None = None
    macro_f1: Share | _Accuracy = 0.0  # of several labels it is the headline, with an interval
    negative_log_likelihood: float = 0.0
    expected_calibration_error: Share = 0.0
    perplexity: PositiveFloat | None = None
    confusion_matrix: list[list[NonNegativeInt]] = []

    @pydantic.model_validator(mode="after")
    def _figures_with_intervals(self):
        for name, figure in (self.model_extra or {}).items():
            if isinstance(figure, dict) and "value" in figure:
                ends = figure.get("interval") or []
                numbers = all(end is None or isinstance(end, int | float) for end in (figure["value"], *ends))
                if not numbers or len(ends) not in (0, 2):
                    raise ValueError(f"{name} is no figure with an interval")
        return self

    @pydantic.field_validator("confusion_matrix")
    @classmethod
    def _square(cls, rows: list[list[int]]) -> list[list[int]]:
        if any(len(row) != len(rows) for row in rows):
            raise ValueError("it is not square")
        return rows


class Results(_File):
    """results.json."""

    test: _Figures | None = None
    validation: _Figures | None = None


class Corruptions(_File):
    """corruptions.json."""

    version: int
    data_digest: str
    mean: float | None = None
    mean_accuracy: Share | None = None  # the same, in files of the first version

    @pydantic.model_validator(mode="after")
    def _mean_is_there(self):
        if self.mean is None and self.mean_accuracy is None:
            raise ValueError("mean is missing")
        return self


class Speed(_File):
    """speed.json."""

    latency_ms: NonNegativeFloat
    throughput: NonNegativeFloat
    device: Name


_Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class _ColumnImportance(_File):
    column: str
    drop: float
    interval: _Interval


class Importance(_File):
    """importance.json."""

    metric: Name
    rows: PositiveInt
    repeats: PositiveInt
    columns: Annotated[list[_ColumnImportance], Field(min_length=1)]


class _Rate(_File):
    value: Share
    interval: _Interval
    n: PositiveInt
    p: Share


class _Group(_File):
    slice: str
    n: PositiveInt
    interval: _Interval
    p: Share
    selection_rate: _Rate = None
    true_positive_rate: _Rate = None
    false_positive_rate: _Rate = None


class _Grouped(_File):
    task: Name
    by: str
    selected: str | None
    tests: NonNegativeInt
    slices: Annotated[list[_Group], Field(min_length=1)]


class Slices(_File):
    """slices.json."""

    split: Name
    columns: Annotated[list[_Grouped], Field(min_length=1)]


class _Share(_File):
    value: Share


class _List(_File):
    ndcg: _Share
    hit_rate: _Share


class _Rankings(_File):
    model: _List


class Ranking(_File):
    """ranking.json."""

    split: Name
    count: PositiveInt
    data_digest: str
    rankings: _Rankings


class Parity(_File):
    """parity.json."""

    file: str
    failed: list[str]
    run: dict[str, Any]
    name: str = ""
    digest: str = ""


class _Ingredient(_File):
    run: str
    seed: int
    validation: float
    stays: bool


class Soup(_File):
    """soup.json."""

    method: Literal["greedy", "uniform"]
    validation: float
    ingredients: Annotated[list[_Ingredient], Field(min_length=2)]


class _Selection(_File):
    model_config = pydantic.ConfigDict(allow_inf_nan=True)

    best: float = None
    best: float = None
    best_accuracy: float = None  # the name in the first version, and:
    accuracy_to_beat: float = None
    best_loss: float
    best_epoch: NonNegativeInt
    to_beat: float = None
    epochs_without_improvement: NonNegativeInt

    @pydantic.model_validator(mode="after")
    def _complete(self):
        if self.best is self.best_accuracy or self.to_beat is self.accuracy_to_beat:  # neither is there
            raise ValueError("best or to_beat is missing")
        return self


class CheckpointState(_File):
    """What a checkpoint holds beside its arrays."""

    model_config = pydantic.ConfigDict(allow_inf_nan=True)

    step: NonNegativeInt
    selection: _Selection | None = None
    history: list[dict[str, int | float]] = []


class Record(dict):
    """A JSON object in which a missing key is a `ZooError` of one line; so are the objects inside it."""

    def __init__(self, values: dict[str, Any], where: str, advice: str):
        super().__init__(values)
        self._where, self._advice = where, advice

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise ZooError(f"{self._where}: lacks {key!r}; {self._advice}")
        value = super().__getitem__(key)
        return Record(value, f"{self._where}: {key}", self._advice) if isinstance(value, dict) else value

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401, it would call itself


def check(values: Record, kind: type[pydantic.BaseModel], where: str, advice: str) -> Record:
    """Check the types of values, and return the values unchanged.

    Raises:
        ZooError: one of them has not its type; the text names the first.
    """
    try:
        kind.model_validate(values)
    except pydantic.ValidationError as error:
        mistake = error.errors(include_url=False)[0]
        key, message = ".".join(map(str, mistake["loc"])), mistake["msg"].removeprefix("Value error, ")
        given = "" if mistake["type"] == "missing" else f" (given: {shortened(repr(mistake['input']))})"
        raise ZooError(f"{where}: damaged, {key}: {message[:1].lower()}{message[1:]}{given}; {advice}") from None
    return values


def read_history(path: pathlib.Path) -> dict[str, Any]:
    """The columns of history.csv that hold a number at all, `float64[epochs]` each; empty cells become NaN.

    Raises:
        ZooError: it is not there, or damaged.
    """
    import numpy as np

    text = read_text(path, _MOST_HISTORY_BYTES, "train again")
    try:
        header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        if len(header) > _MOST_COLUMNS or len(set(header)) < len(header) or "epoch" not in header:
            raise ValueError(f"{len(header)} columns, one of them twice, or none of epochs")
        table = np.array([[float(cell or "nan") for cell in row] for row in rows if row]).reshape(-1, len(header))
    except (ValueError, csv.Error) as error:  # of cells that are no number, or rows of other lengths
        raise ZooError(f"{path}: damaged ({shortened(str(error))}); train again") from None
    columns = dict(zip(header, table.T, strict=True))
    epochs = columns["epoch"]
    numbers = (epochs == epochs.round()) & (epochs >= 1) & (epochs <= MOST_EPOCHS)
    if not numbers.all() or (np.diff(epochs) <= 0).any():
        raise ZooError(f"{path}: damaged, its epochs do not count up in whole numbers; train again")
    return {name: values for name, values in columns.items() if name == "epoch" or not np.isnan(values).all()}


ABOUT = "about"  # in a file of zoo.adapted: bytes of JSON with model, options, base and labels


def about_of(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """What a file of `zoo.adapted` says of itself; its digest has been compared, and what it says is believed."""
    return json.loads(arrays[ABOUT].tobytes())
