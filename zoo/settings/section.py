"""What all sections share: strict types, no unknown key, and the bounds of numbers."""

from typing import Annotated

import pydantic
from pydantic import Field

# A larger number is a typing error or an attack: the training would not begin, or would never end.
MOST_EPOCHS = 1_000_000
Epochs = Annotated[float, Field(ge=0, le=1e30)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Pixels = Annotated[int, Field(gt=0, le=65_535)]
Rate = Annotated[float, Field(gt=0, le=1e30)]  # float32 holds it
Fraction = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
