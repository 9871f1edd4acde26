"""`zoo.schema`, from where data are."""

from zoo.schema import DTYPES, KEYS, NO_DATE, Schema, SchemaColumn, frequent_categories

__all__ = ["DTYPES", "KEYS", "NO_DATE", "Schema", "SchemaColumn", "frequent_categories"]
