"""Rows of a mixed table as a model of columns needs them, from files, DataFrames or JSON."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ZooError, nearest, shortened
from zoo.escaping import tell
from zoo.schema import Schema

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def is_table(file: Path) -> bool:
    """Whether a file is such a table, by its name."""
    return file.suffix.lower() in (".csv", ".tsv", ".parquet")


def read(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], dict[str, np.ndarray]]:
    """Reads CSV or Parquet files; columns are found by name, and others ignored with a notice.

    Returns:
        Names (file.csv:row, from 1), and the arrays by kind.

    Raises:
        ZooError: the model does not say what its columns are, a column is missing, or a cell is not what it holds.
    """
    from zoo.datasets import own_columns

    schema = loaded_model.schema
    if schema is None:
        raise ZooError(f"{loaded_model.path}: does not name its columns; train it again, or give it arrays in Python")
    names, parts = [], []
    for file in files:
        table, separator = own_columns.read_table(file)
        ignored = [name for name in table.column_names if name not in schema.names]
        if ignored:
            tell(f"notice: {file}: columns ignored: {shortened(', '.join(map(str, ignored)), 500)}")
        parts.append(own_columns.features_of(table, schema, str(file), separator))
        names += [f"{file}:{row}" for row in range(1, table.num_rows + 1)]
    return names, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def of_memory(inputs: Any, schema: Schema) -> dict[str, np.ndarray]:
    """A DataFrame, a dictionary of columns, a row or a list of rows as dictionaries; or the arrays by kind themselves.

    Raises:
        ZooError: a column is missing, or a value is not what it holds.
    """
    from zoo.datasets import column_types, own_columns

    if hasattr(inputs, "columns"):
        return own_columns.features_of(column_types.of_frame(inputs), schema, "DataFrame")
    if isinstance(inputs, Mapping) and set(inputs) == set(schema.shapes) - set(schema.names):
        return _of_arrays(inputs, schema)
    if isinstance(inputs, Mapping):
        several = {name: len(value) for name, value in inputs.items() if _is_column(value)}
        if several and (len(several) < len(inputs) or len(set(several.values())) > 1):
            raise ZooError(
                f"columns of unequal length: {shortened(', '.join(f'{name!r} {n}' for name, n in several.items()))}"
                + (", and others are one value" if len(several) < len(inputs) else "")
            )
        columns = [list(value) for value in inputs.values()]
        inputs = [dict(zip(inputs, row, strict=True)) for row in zip(*columns, strict=True)] if several else [inputs]
    if isinstance(inputs, str) or not isinstance(inputs, Iterable):
        raise ZooError(f"{shortened(repr(inputs))}: no rows; give a DataFrame, or a list of {{column: value, …}}")
    return of_rows(list(inputs), schema)


def _is_column(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


def _of_arrays(inputs: Mapping[str, Any], schema: Schema) -> dict[str, np.ndarray]:
    arrays = {key: np.asarray(inputs[key]) for key in schema.shapes}
    for key, shape in schema.shapes.items():
        if arrays[key].ndim != 2 or arrays[key].shape[1:] != shape:
            wanted = ", ".join(schema.names_of(key))
            raise ZooError(f"{key} have the shape {arrays[key].shape}; [rows, {shape[0]}] is needed: {wanted}")
    return arrays


def of_rows(rows: Sequence[Any], schema: Schema) -> dict[str, np.ndarray]:
    """Rows such as `{"age": 39, "sex": "Male"}`; null is a missing value, further keys are ignored.

    Raises:
        ZooError: a row is no such object, lacks a column, or holds a value of another kind.
    """
    import pyarrow as pa

    from zoo.datasets import column_types, own_columns

    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ZooError(f"row {number}: {shortened(repr(row))} is no row; give {{column: value, …}}")
        missing = next((name for name in schema.names if name not in row), None)
        if missing is not None:
            known = nearest(missing, list(map(str, row)))
            raise ZooError(f"row {number}: no column {missing!r}, which the model reads; {known}")
        for name in schema.names:
            if not isinstance(row[name], column_types.CELL):
                raise ZooError(f"row {number}: column {name!r} is {shortened(repr(row[name]))}; one value is needed")
    table = pa.table({name: column_types.as_column([row[name] for row in rows]) for name in schema.names})
    return own_columns.features_of(table, schema, "rows")
