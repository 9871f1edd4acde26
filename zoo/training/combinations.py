"""Which settings of a training go with which strategy: one table, which the checks and docs/scaling.md read."""

import dataclasses
from collections.abc import Callable

from zoo.errors import ZooError
from zoo.settings import TrainingSection

STRATEGIES = ("default", "mirrored", "multi_worker", "tpu")


@dataclasses.dataclass(frozen=True)
class Combination:
    """A setting of a training, and the strategies that are known not to work with it, each with the reason."""

    setting: str
    is_set: Callable[[TrainingSection], bool]
    refused: dict[str, str] = dataclasses.field(default_factory=dict)


_XLA = "XLA compiles a step of one replica; with several it is ignored or fails (keras-team/keras#19246)"

COMBINATIONS = (
    Combination("training.precision=float32", lambda s: s.precision == "float32"),
    Combination("training.precision=mixed_bfloat16", lambda s: s.precision == "mixed_bfloat16"),
    Combination(
        "training.precision=mixed_float16",
        lambda s: s.precision == "mixed_float16",
        {"tpu": "TPUs compute in bfloat16; use mixed_bfloat16"},
    ),
    Combination("training.xla=on", lambda s: s.xla == "on", {"mirrored": _XLA, "multi_worker": _XLA}),
    Combination(
        "training.deterministic=true",
        lambda s: s.deterministic,
        {"tpu": "TensorFlow has no deterministic mode on TPUs"},
    ),
    Combination(
        "training.optimizer.gradient_accumulation_steps=2",
        lambda s: s.optimizer.gradient_accumulation_steps > 1,
    ),
    Combination("training.optimizer.ema_momentum=0.9", lambda s: s.optimizer.ema_momentum is not None),
    Combination("training.optimizer.clip_norm=1.0", lambda s: s.optimizer.clip_norm is not None),
    Combination("training.average_last_epochs=2", lambda s: s.average_last_epochs is not None),
    Combination("training.early_stopping={patience: 1}", lambda s: s.early_stopping is not None),
    Combination("training.pruning={steps_between: 2}", lambda s: s.pruning is not None),
    Combination("training.distillation={teacher: RUN}", lambda s: s.distillation is not None),
    Combination("training.lora_rank=2", lambda s: s.lora_rank is not None),
    Combination("training.unfreeze_epoch=1", lambda s: s.unfreeze_epoch is not None),
    Combination("training.progressive_resizing={}", lambda s: s.progressive_resizing is not None),
    Combination("training.steps_per_call=8", lambda s: (s.steps_per_call or 1) > 1),
    Combination(
        "training.length_buckets=[8]",
        lambda s: bool(s.length_buckets),
        {"tpu": "TPUs need batches of one shape"},
    ),
)


def check_combinations(strategy_name: str | None, settings: TrainingSection) -> None:
    """Raises: ZooError: the strategy is known not to work with one of the settings; the text says why."""
    for combination in COMBINATIONS:
        reason = combination.refused.get(strategy_name)
        if reason and combination.is_set(settings):
            raise ZooError(f"{combination.setting.split('=')[0]} does not go with strategy {strategy_name}: {reason}")


def combinations_table() -> str:
    """The table of docs/scaling.md, in Markdown."""
    lines = ["| setting | " + " | ".join(STRATEGIES) + " |", "|---" * (len(STRATEGIES) + 1) + "|"]
    for combination in COMBINATIONS:
        cells = [
            "refused" if name in combination.refused else "not tested" if name == "tpu" else "runs"
            for name in STRATEGIES
        ]
        lines.append(f"| `{combination.setting}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)
