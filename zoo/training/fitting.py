"""How a recipe is fitted to the rows and the processor that it meets, with a line that says so."""

from zoo.config import Config, with_values
from zoo.processor import bfloat16_unit

_ENOUGH_UPDATES = 1_000
_FEW_UPDATES = 200
_ROWS_A_STEP = 16  # an epoch of few rows has at least this many steps
_SMALLEST_BATCH = 8
_MOST_EPOCHS = 500
_LONGEST_WARMUP = 0.25  # of the training
_VALIDATION_ROWS_TO_SELECT = 200  # with fewer rows, the best of many epochs is mostly luck


def fitted(config: Config, rows: int, validation_rows: int, replicas: int = 1) -> tuple[Config, list[str]]:
    """The config as the run will write it down, and what to tell the user.

    A recipe's own numbers are for its own data. The keys that `training.fit_to_rows` names follow from the number of
    training rows instead: a batch has at most a sixteenth of them, and there are at least 1,000 updates, or, for a
    pretrained model, those of its recipe. With few validation rows the last epoch is kept, not the best.
    """
    settings = config.training
    lines, values = [], {}
    if "batch_size" in settings.fit_to_rows:
        values["batch_size"] = _batch_size(settings, rows, replicas)
    steps_per_epoch = max(1, rows // values.get("batch_size", settings.batch_size))
    if "epochs" in settings.fit_to_rows and not config.model.init_from:
        enough = -(-_ENOUGH_UPDATES // steps_per_epoch)
        values["epochs"] = max(settings.epochs, min(enough, _MOST_EPOCHS))
    if "selection" in settings.fit_to_rows and validation_rows < _VALIDATION_ROWS_TO_SELECT:
        values["selection"] = "last"
    changed = {key: value for key, value in values.items() if value != getattr(settings, key)}
    if changed:
        new = ", ".join(f"{key} {value} (the recipe's own: {getattr(settings, key)})" for key, value in changed.items())
        lines.append(f"fitted to {rows:,} training and {validation_rows:,} validation rows: {new}; --set overrides")
    values["fit_to_rows"] = []
    epochs = values.get("epochs", settings.epochs)
    if settings.schedule.warmup_epochs > _LONGEST_WARMUP * epochs:
        values["schedule.warmup_epochs"] = _LONGEST_WARMUP * epochs
        lines.append(
            f"the warm-up takes a quarter of the {epochs} epochs, {_LONGEST_WARMUP * epochs:g}, "
            f"in place of {settings.schedule.warmup_epochs:g}"
        )
    if steps_per_epoch * epochs < _FEW_UPDATES:
        lines.append(
            f"only {steps_per_epoch * epochs} updates in all: the model may have learned little; "
            "raise --epochs, or lower --batch_size"
        )
    return with_values(config, {f"training.{key}": value for key, value in values.items()}, "fitted"), lines


def _batch_size(settings, rows: int, replicas: int) -> int:
    """The recipe's batch size, or a smaller power of two for few rows; always a multiple of replicas times parts."""
    most = max(rows // _ROWS_A_STEP, _SMALLEST_BATCH)
    size = min(settings.batch_size, 2 ** (most.bit_length() - 1), rows)
    unit = replicas * settings.optimizer.gradient_accumulation_steps
    return max(size - size % unit, unit)


def resolved_precision(precision: str) -> tuple[str, str | None]:
    """What `auto` is on this machine, and a line that says which and why; any other precision as it is.

    A processor without bfloat16 arithmetic takes 7 to 13 times as long in bfloat16 as in float32.
    """
    has = _bfloat16_accelerator() or bfloat16_unit()
    if precision == "auto":
        if has:
            return "mixed_bfloat16", f"precision mixed_bfloat16: this machine has {has}"
        return "float32", "precision float32: this processor has no bfloat16 arithmetic"
    if precision == "mixed_bfloat16" and not has:
        return precision, (
            "this processor has no bfloat16 arithmetic, and computes it many times more slowly than float32; "
            "--precision=auto chooses"
        )
    return precision, None


def _bfloat16_accelerator() -> str | None:
    import tensorflow as tf

    if tf.config.list_physical_devices("TPU"):
        return "a TPU"
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    ampere = [detail for detail in details if detail.get("compute_capability", (0, 0)) >= (8, 0)]
    return ampere[0].get("device_name", "a GPU") if ampere and len(ampere) == len(details) else None
