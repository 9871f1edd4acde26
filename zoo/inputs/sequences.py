"""Sequences of numbers as a model needs them, from files, arrays or JSON: `float32[examples, time, channel]`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets.on_disk import StoredRows
from zoo.datasets.own_sequences import read_sequence
from zoo.datasets.own_tables import is_table
from zoo.datasets.sequences import fitted, lengths, of_arrays, padded, read_lines, read_ts
from zoo.errors import ZooError, shortened
from zoo.escaping import tell
from zoo.safe_reading import read_array

if TYPE_CHECKING:
    from zoo.loading import LoadedModel


def is_wanted(file: Path) -> bool:
    """Whether a file holds sequences, by its name."""
    return is_table(file) or file.suffix.lower() in (".npy", ".ts")


def read(files: list[Path], loaded_model: "LoadedModel") -> tuple[list[str], np.ndarray]:
    """Reads CSV files, a sequence each; `.npy` files of `[time, channel]` or `[examples, time, channel]`; `.ts` files.

    In a CSV file the channels are found by name, where the model knows them; otherwise it has exactly as many columns.

    Returns:
        Names (file.npy[0] or file.ts:line where a file holds several), and `float32[examples, time, channel]`.

    Raises:
        ZooError: a file cannot be read, a channel is missing, or a sequence is empty.
    """
    names, sequences, ignored = [], [], set()
    channels = loaded_model.input_shape[1]
    for file in files:
        if is_table(file):
            found = read_sequence(file, wanted=loaded_model.feature_names)
            ignored |= set(found.left_out)
            here = {str(file): found.values}
        elif file.suffix.lower() == ".ts":
            here = {f"{file}:{one.line}": one.values for one in read_ts(read_lines(file), str(file), labelled=False)}
        else:
            array = read_array(file, "give numbers, [time, channel]")
            several = array.ndim == 3
            rows = of_arrays(array if several else [array], str(file))
            here = {f"{file}[{row}]" if several else str(file): values for row, values in enumerate(rows)}
        for name, values in here.items():
            if values.shape[1] != channels:
                raise ZooError(f"{name}: {values.shape[1]} channels, but the model reads {channels}; give these alone")
        names += here
        sequences += here.values()
    if not names:
        raise ZooError(f"{files[0]}: holds no sequence; give a file with examples")
    if ignored:
        tell(f"notice: columns ignored: {shortened(', '.join(sorted(ignored)), 500)}")
    return names, fitting(padded(sequences), loaded_model)


def of_memory(inputs: Any, loaded_model: "LoadedModel") -> np.ndarray:
    """An array `[time, channel]` or `[examples, time, channel]`, or a list of such sequences of any length.

    Raises:
        ZooError: they are no such numbers, or have another number of channels.
    """
    channels = loaded_model.input_shape[1]
    single = getattr(inputs, "ndim", 0) == 2
    features = of_arrays([inputs] if single else inputs, "sequences")
    if len(features) and features.shape[2] != channels:
        raise ZooError(
            f"sequences of {features.shape[2]} channels, but the model reads {channels}: [examples, time, {channels}]"
        )
    return fitting(features, loaded_model) if len(features) else np.zeros((0, *loaded_model.input_shape), "float32")


def fitting(features: np.ndarray | StoredRows, loaded_model: "LoadedModel") -> np.ndarray | StoredRows:
    """Sequences cut or padded to what the model reads; that some are cut is told on stderr."""
    steps = loaded_model.input_shape[0]
    features, cut = fitted(features, steps)
    if cut:
        tell(f"notice: {cut:,} sequences are longer than the {steps:,} steps that the model reads; the rest is ignored")
    if empty := np.flatnonzero(lengths(features) == 0).tolist():
        tell(f"notice: sequence {empty[0]}: nothing among its first {steps:,} steps; the answer is to nothing")
    return features
