"""Rows of a mixed table as a model of columns needs them, from files, DataFrames or JSON."""

from collections.abc import Mapping, Sequence
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
    import pyarrow as pa

    from zoo.datasets import own_columns

    if hasattr(inputs, "columns"):
        table = pa.Table.from_pandas(inputs.rename(columns=str), preserve_index=False)
        return own_columns.features_of(table, schema, "DataFrame")
    if isinstance(inputs, Mapping) and set(inputs) == set(schema.shapes) - set(schema.names):
        return {key: np.asarray(inputs[key]) for key in schema.shapes}
    if isinstance(inputs, Mapping):
        single = not any(isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) for value in
                         inputs.values())  # fmt: skip
        if not single:
            inputs = [dict(zip(inputs, row, strict=True)) for row in zip(*map(list, inputs.values()), strict=True)]
        else:
            inputs = [inputs]
    return of_rows(list(inputs), schema)


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
            if not isinstance(row[name], str | int | float | bool | np.generic | None):
                raise ZooError(f"row {number}: column {name!r} is {shortened(repr(row[name]))}; one value is needed")
    table = pa.table({name: column_types.as_column([row[name] for row in rows]) for name in schema.names})
    return own_columns.features_of(table, schema, "rows")
