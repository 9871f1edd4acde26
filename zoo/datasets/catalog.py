"""What is known of each dataset without reading it. No TensorFlow here."""

import dataclasses
from typing import Literal

from zoo.errors import ZooError, nearest


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """A dataset's name, kind, classes, source, licence and citation."""

    name: str
    kind: Literal["image", "table", "text"]
    description: str
    label_names: tuple[str, ...] = ()
    feature_shape: tuple[int, ...] | None = None
    source: str = ""
    licence: str = ""
    citation: str = ""
    needs_data_dir: bool = False

    @property
    def num_classes(self) -> int | None:
        return len(self.label_names) or None


_CATALOG = (
    DatasetInfo(
        name="mnist",
        kind="image",
        description="70,000 handwritten digits, 28×28 grey; 10,000 are the test split",
        label_names=tuple("0123456789"),
        feature_shape=(28, 28, 1),
        source="https://yann.lecun.com/exdb/mnist/",
        licence="CC BY-SA 3.0",
        citation="LeCun, Cortes & Burges (2010), MNIST handwritten digit database",
    ),
    DatasetInfo(
        name="fashion_mnist",
        kind="image",
        description="70,000 pictures of clothing, 28×28 grey; 10,000 are the test split",
        label_names=(
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ),
        feature_shape=(28, 28, 1),
        source="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        citation="Xiao, Rasul & Vollgraf (2017), Fashion-MNIST, arXiv:1708.07747",
    ),
    DatasetInfo(
        name="cifar10",
        kind="image",
        description="60,000 small photographs, 32×32 colour; 10,000 are the test split",
        label_names=(
            "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
        ),
        feature_shape=(32, 32, 3),
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="unknown",
        citation="Krizhevsky (2009), Learning multiple layers of features from tiny images",
    ),
    DatasetInfo(
        name="xor",
        kind="table",
        description="the four points of exclusive or; training, validation and test are the same four",
        label_names=("0", "1"),
        feature_shape=(2,),
        source="generated",
        licence="Apache-2.0, as this package, which generates it",
        citation="Minsky & Papert (1969), Perceptrons",
    ),
    DatasetInfo(
        name="synthetic_binary",
        kind="table",
        description="100 numbers a row, two Gaussian classes, Bayes accuracy 0.9332; 20,000/5,000/10,000 rows",
        label_names=("0", "1"),
        feature_shape=(100,),
        source="generated",
        licence="Apache-2.0, as this package, which generates it",
        citation="Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, 2.4",
    ),
    DatasetInfo("image_folder", "image", "your pictures: FOLDER/class_name/*.png", needs_data_dir=True),
    DatasetInfo("csv", "table", "your table: FILE.csv, numbers and a column label", needs_data_dir=True),
)  # fmt: skip


def list_datasets() -> list[DatasetInfo]:
    """Every dataset that the zoo knows."""
    return list(_CATALOG)


def dataset_info(name: str) -> DatasetInfo:
    """Raises: ZooError: no such dataset; the text names the nearest."""
    known = {info.name: info for info in _CATALOG}
    if name not in known:
        raise ZooError(f"unknown dataset {name!r}; {nearest(name, known)}")
    return known[name]
