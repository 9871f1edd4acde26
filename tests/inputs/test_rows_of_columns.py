"""Rows of a mixed table in Python and JSON: right arrays, or one line that says what is wrong."""

import datetime

import numpy as np
import pandas as pd
import pytest

from zoo.errors import ZooError
from zoo.inputs.columns import of_memory, of_rows
from zoo.schema import NO_DATE, Schema

SCHEMA = Schema.of(numbers=["a"], categories=["b"], dates=["d"], texts=["t"])
ROW = {"a": 1.5, "b": "x", "d": "2020-01-01", "t": "hello you"}
NEW_YEAR = int(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC).timestamp())


@pytest.mark.parametrize(
    ("cells", "key", "wanted"),
    [
        ({"b": "a\ud800"}, "categories", "a\ufffd"),
        ({"t": "\udfff so"}, "texts", "\ufffd so"),
        ({"a": "1,5"}, "numbers", 1.5),
        ({"b": 3.0}, "categories", "3"),
        ({"b": True}, "categories", "true"),
        ({"b": float("nan")}, "categories", ""),
        ({"d": datetime.date(2020, 1, 1)}, "dates", NEW_YEAR),
        ({"d": pd.NaT}, "dates", NO_DATE),
        ({"d": np.datetime64("2020-01-01")}, "dates", NEW_YEAR),
    ],
)
def test_cells_of_many_types(cells, key, wanted):
    assert of_rows([ROW | cells], SCHEMA)[key].tolist() == [[wanted]]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"a": 1e39}, "column 'a': row 1: 1e.39 is beyond what float32 holds"),
        ({"a": 10**400}, "is no number"),
        ({"a": [1]}, r"column 'a' is \[1\]; one value is needed"),
        ({"b": b"x"}, "column 'b' is b'x'; one value is needed"),
        ({"d": 20200101}, "'20200101' is no date"),
        ({"d": "2020-13-45"}, "'2020-13-45' is no date"),
    ],
)
def test_cells_that_are_none_are_one_line(cells, message):
    with pytest.raises(ZooError, match=message) as raised:
        of_rows([ROW | cells], SCHEMA)
    assert "\n" not in str(raised.value)


def frame(**columns):
    return pd.DataFrame({"a": [1.5, 2], "b": ["x", "y"], "d": ["2020-01-01", None], "t": ["a b", "c d"]} | columns)


def test_a_dataframe_whose_columns_hold_several_types():
    found = of_memory(frame(a=[pd.NA, "2.5"], b=["x", 3], d=[datetime.date(2020, 1, 1), "2020-01-01"]), SCHEMA)
    np.testing.assert_array_equal(found["numbers"], [[np.nan], [2.5]])
    assert found["categories"].tolist() == [["x"], ["3"]]
    assert found["dates"].tolist() == [[NEW_YEAR], [NEW_YEAR]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (frame(b=[["x"], ["y"]]), "column 'b': it holds list<"),
        (frame(b=["x", np.zeros(2)]), r"column 'b' holds array\(\[0., 0.\]\); one value a cell"),
        (frame(b=[{1}, object]), r"column 'b' holds \{1\}; one value a cell"),
        (frame(a=[1j, 2]), r"column 'a' holds 1j; one value a cell"),
        (frame().set_axis(["a", "a", "d", "t"], axis=1), "'a' names more than one column"),
        ({"a": [1.5, 2], "b": ["x"], "d": [None, None], "t": ["", ""]}, "columns of unequal length: 'a' 2, 'b' 1"),
        ({"a": [1.5, 2], "b": "x", "d": [None, None], "t": ["", ""]}, "and others are one value"),
        ({"numbers": np.zeros((2, 3)), "categories": [["x"]], "dates": [[0]], "texts": [["a"]]}, r"\[rows, 1\] is"),
        (5, "5: no rows; give a DataFrame"),
        (None, "None: no rows; give a DataFrame"),
        ("abc", "'abc': no rows; give a DataFrame"),
        ([ROW, 1], "row 1: 1 is no row"),
    ],
)
def test_what_is_no_table_is_one_line(inputs, message):
    with pytest.raises(ZooError, match=message) as raised:
        of_memory(inputs, SCHEMA)
    assert "\n" not in str(raised.value)
