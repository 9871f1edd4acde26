"""CSV files as a table model needs them: its feature columns, float32, or a column for each of its inputs."""

import collections
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets.cells import finite_numbers
from zoo.datasets.own_tables import Table, check_header, open_table
from zoo.errors import ZooError, nearest, shortened
from zoo.escaping import tell

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def read(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Reads CSV files with a header; columns that are no feature, such as the label, are ignored with a notice.

    Where the model knows its features' names, columns are found by them, in any order; otherwise the file must have
    exactly the model's number of columns, in the model's order.

    Returns:
        Names (file.csv:line) and float32[examples, feature]; of a model with several inputs a dictionary of columns by
        their names, of the inputs' types.

    Raises:
        ZooError: a feature column is missing, or a value is not a finite number.
    """
    if isinstance(loaded_model.input_shape, dict):
        return _read_inputs(files, loaded_model)
    names, rows = [], []
    for file in files:
        with open_table(file) as table:
            _read_file(file, table, loaded_model, names, rows)
    return names, np.stack(rows)


def _read_inputs(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], dict[str, np.ndarray]]:
    inputs = {name: (tuple(t.shape[1:]), t.dtype) for name, t in loaded_model.model.input.items()}
    several = next((name for name, (shape, _) in inputs.items() if np.prod(shape, dtype=int) != 1), None)
    if several is not None:
        raise ZooError(f"{loaded_model.path}: its input {several!r} is no single value, which a column holds")
    names, cells = [], {name: [] for name in inputs}
    for file in files:
        with open_table(file) as table:
            positions = _positions(file, table.header, list(inputs))
            for number, row in table.rows:
                where = f"{file}:{number}"
                names.append(where)
                for name, position in zip(inputs, positions, strict=True):
                    text = inputs[name][1] == "string"
                    cells[name].append(
                        row[position].strip() if text else finite_numbers([row[position]], [name], where)[0]
                    )
    if not names:
        raise ZooError(f"{files[0]}: no rows below the header; give a file with examples")
    return names, {
        name: np.array(cells[name], object if dtype == "string" else dtype).reshape(len(names), *shape)
        for name, (shape, dtype) in inputs.items()
    }


def _read_file(file: Path, table: Table, loaded_model: "LoadedModel", names: list[str], rows: list[np.ndarray]) -> None:
    positions = _feature_positions(file, table.header, loaded_model)
    columns = [table.header[i] for i in positions]
    examples_before = len(rows)
    for number, row in table.rows:
        where = f"{file}:{number}"
        names.append(where)
        rows.append(np.array(finite_numbers([row[i] for i in positions], columns, where), np.float32))
    if len(rows) == examples_before:
        raise ZooError(f"{file}: no rows below the header; give a file with examples")


def _feature_positions(file: Path, header: list[str], loaded_model: "LoadedModel") -> list[int]:
    """Returns where in the header each feature is, in the model's order."""
    num_features = loaded_model.model.input_shape[-1]
    feature_names = getattr(loaded_model, "feature_names", None)
    if not feature_names:
        check_header(file, header)
        if len(header) != num_features:
            raise ZooError(
                f"{file}: {len(header)} columns, but the model reads {num_features}; keep the features alone"
            )
        return list(range(num_features))
    return _positions(file, header, feature_names)


def _positions(file: Path, header: list[str], feature_names: list[str]) -> list[int]:
    """Raises: ZooError: a column is missing, or stands there twice."""
    places = {name: place for place, name in enumerate(header)}
    missing = [name for name in feature_names if name not in places]
    if missing:
        raise ZooError(f"{file}: no column {missing[0]!r}, which the model reads; {nearest(missing[0], header)}")
    counts = collections.Counter(header)
    twice = next((name for name in feature_names if counts[name] > 1), None)
    if twice is not None:
        raise ZooError(f"{file}: column {twice!r} occurs twice; keep one of them")
    features = set(feature_names)
    ignored = [column for column in header if column not in features]
    if ignored:
        few = shortened(", ".join(name or "one without a name" for name in ignored), 500)
        tell(f"notice: {file}: columns ignored: {few}")
    return [places[name] for name in feature_names]
