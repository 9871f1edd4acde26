"""Which data a training has, and what is changed of them."""

import os
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from zoo.settings.section import Fraction, Pixels, Probability, Section


class RandAugmentSection(Section):
    """Operations for each training picture, drawn from 14, all of one magnitude (Cubuk et al., 2020)."""

    operations: Annotated[int, Field(ge=1, le=10)] = 2
    """How many for each picture, one after the other."""
    magnitude: Annotated[float, Field(ge=0, le=10)] = 9.0
    """How strong: 10 turns by 30°, and keeps 4 bits."""


class AugmentationSection(Section):
    """Random changes of each training image, drawn anew each epoch; all off by default."""

    shift_pixels: Annotated[float, Field(ge=0, le=65_535)] = 0.0
    """The furthest shift, left or right, up or down, in pixels."""
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    """The furthest turn, in either direction."""
    zoom: Fraction = 0.0
    """0.1 makes a picture up to 10 % smaller or larger."""
    horizontal_flip: bool = False
    """Mirror half of the pictures."""
    random_erasing: Probability = 0.0
    """The share of pictures in which a rectangle of 2 to 20 % of the area is blanked."""
    crop_padding: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Pad each side with so many black pixels, and cut out the old size anywhere: shifts by whole pixels, unblurred."""
    randaugment: RandAugmentSection | None = None
    mixup: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Mix each picture and its label with another of the batch (Zhang et al., 2018); their parts follow Beta(mixup,
    mixup). 0 mixes nothing; 0.2 is usual."""
    cutmix: Annotated[float, Field(ge=0, le=1000)] = 0.0
    """Paste a rectangle of another picture of the batch, and mix the label by area (Yun et al., 2019), which follows
    Beta(cutmix, cutmix). 1 is usual. With mixup, each picture takes one of the two."""
    mix_probability: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of pictures that mixup or cutmix changes."""

    @pydantic.model_validator(mode="after")
    def _something_is_mixed(self):
        if self.mix_probability != 1 and not self.mixes:
            raise ValueError("mix_probability is for mixup and cutmix, and neither is given; set one of them")
        return self

    @property
    def mixes(self) -> bool:
        """Whether an example takes something of another one."""
        return bool(self.mixup or self.cutmix)


class DatasetSection(Section):
    """Which data, where they are, and what training sees of them."""

    name: str
    """The dataset; `prepare_data.py` shows all."""
    data_dir: str | None = None
    """Where prepared data are, or your own file or folder. It is made absolute: runs are read from elsewhere too."""
    task: str | None = None
    """What the label column of your own table is for; by default the model's own task says it."""
    label: str | list[str] | None = None
    """The label column of your own table; by default one with such a name, else the last. Of several labels, all their
    columns: `[a, b]`, or `a,b`."""
    columns: dict[str, Literal["number", "category", "date", "text", "drop"]] | None = None
    """What columns of your own table are, where what is guessed is wrong; a run has all of them. For models that read
    columns."""
    drop: list[str] = []
    """Columns of your own table, or channels of your own sequences, that are left out."""
    group: str | None = None
    """A column of your own table: rows of one group, such as a patient, stay on one side of each split."""
    weight: str | None = None
    """A column of your own table: how much each row counts in training."""
    duplicates: Literal["keep", "drop"] | None = None
    """What becomes of equal examples. By default, rows of your own table are kept, on one side of each split; of all
    else the first is kept."""
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The part of the training rows that becomes validation; by default 5,000 rows, of your own data a tenth."""
    train_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """So much of each class of the training rows, by content: the same rows for every seed, those of 1 % among those
    of 10 %."""
    image_shape: Annotated[list[Pixels], Field(min_length=3, max_length=3)] | None = None
    """[height, width, channels] to which your own pictures are brought; channels are 1 or 3."""
    augmentation: AugmentationSection = AugmentationSection()

    @pydantic.field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        return path and os.path.abspath(os.path.expanduser(path))
