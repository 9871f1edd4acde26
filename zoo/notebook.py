"""What a notebook shows: a run with all at hand, and a comparison as a table."""

import base64
import dataclasses
import html
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo import runs
from zoo.errors import ZooError
from zoo.models import catalog

if TYPE_CHECKING:
    from zoo.comparison.table import Result
    from zoo.loading import LoadedModel


class Run(runs.Run):
    """A run with what a notebook asks of it at hand."""

    @property
    def history(self):
        """What each epoch gave: a pandas DataFrame, or, without pandas, `float64[epochs]` columns by name."""
        columns = super().history
        try:
            import pandas
        except ModuleNotFoundError:
            return columns
        return pandas.DataFrame(columns)

    @property
    def model(self) -> "LoadedModel":
        """The trained model, opened anew: `run.model.predict_labels(pictures)`."""
        from zoo.loading import load_model

        return load_model(self)

    def predictions(self, split_name: str = "test") -> runs.Predictions:
        """What the model answered to the rows of "test" or "validation"."""
        if split_name not in ("test", "validation"):
            raise ZooError(f"predictions({split_name!r}): a run keeps those of test and validation")
        return self.read_predictions(split_name)

    def report(self, path: str | os.PathLike | None = None) -> pathlib.Path:
        """Write a page of tables, curves and disagreements; by default report.html of the run. It opens offline."""
        from zoo.comparison import table

        results, notices = table.read_results([self])
        if not results:
            raise ZooError("; ".join(notices))
        return comparison_of(results, notices).report(path or self.path / "report.html")

    def __str__(self) -> str:
        try:
            record = self.record
        except ZooError as error:  # print(run) and notebooks show what is wrong
            return str(error)
        if record.get("status") != "finished":
            return f"{self.path}: {record.get('status')}"
        task = catalog.model_info(record["model"]).task
        return f"{task.summary(self.results['test'], self.labels)}, {record['wall_seconds']:.0f} s, run {self.path}"

    def _repr_html_(self) -> str:
        picture = self.path / "training.png"
        image = ""
        if picture.is_file():
            encoded = base64.b64encode(picture.read_bytes()).decode()
            image = f'<br><img alt="learning curves" src="data:image/png;base64,{encoded}">'
        return f"<p>{html.escape(str(self))}</p>{image}"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Tables of models, one for each test set, the best model first; it prints as `compare.py` does."""

    results: "Sequence[Result]"
    tables: list[list[dict[str, Any]]]
    notices: list[str]

    def frame(self):
        """All rows and columns as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame([row for rows in self.tables for row in rows])

    def report(self, path: str | os.PathLike) -> pathlib.Path:
        """Write the comparison as a page that opens offline.

        Raises:
            ZooError: a package of the extra `report` is missing, or the file cannot be written.
        """
        from zoo.comparison.report import html_page

        runs.write_output("path", str(path), html_page(self.results, self.notices, None) + "\n")
        return pathlib.Path(path)

    def __str__(self) -> str:
        from zoo.comparison.rendering import render

        return "\n".join([*self.notices, render(self.tables, None, "terminal")])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from zoo.comparison.rendering import cell, shown_columns, task_of

        parts = [f"<p>{html.escape(line)}</p>" for line in self.notices]
        for rows in self.tables:
            columns = shown_columns([rows])
            lines = [[cell(name, row[name], task_of(rows)) for name in columns] for row in rows]
            head, *body = (_html_row(line, tag) for line, tag in [(columns, "th"), *((line, "td") for line in lines)])
            caption = html.escape(str(rows[0]["dataset"]))
            parts.append(f"<table><caption>{caption}</caption>{head}{''.join(body)}</table>")
        return "".join(parts)


def comparison_of(results: "Sequence[Result]", notices: Sequence[str], where: Sequence[str] = ()) -> Comparison:
    """The tables of results that `zoo.comparison.table.read_results` gave, of the rows that meet the conditions."""
    from zoo.comparison import table

    return Comparison(results, table.compare(results, table.parse_conditions(where)), list(notices))


def _html_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in cells) + "</tr>"
