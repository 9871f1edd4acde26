"""A recipe on rows, lengths and processors that are not its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo.processor
from zoo.config import load_config
from zoo.training import fitting


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """A function that gives this machine a processor with other instructions."""

    def has(flags):
        (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
        monkeypatch.setattr(zoo.processor, "PROCESSOR_FILE", tmp_path / "cpuinfo")

    return has


def on_own_rows(model="binary_mlp", **overrides):
    return load_config(model, overrides={"dataset.name": "csv", "dataset.data_dir": "table.csv"} | overrides)


def test_few_rows_get_small_batches_and_enough_updates():
    config, lines = fitting.fitted(on_own_rows(), rows=119, validation_rows=15)
    assert (config.training.batch_size, config.training.epochs) == (8, 72)  # 14 steps an epoch, 1,008 in all
    assert config.training.fit_to_rows == []
    assert "119 training and 15 validation rows" in lines[0] and "128" in lines[0]
    assert config.training.selection == "last"


def test_many_rows_keep_the_recipe():
    config, lines = fitting.fitted(on_own_rows(), rows=50_000, validation_rows=5_000)
    assert (config.training.batch_size, config.training.epochs) == (128, 15)
    assert config.training.selection == "best" and lines == []


def test_what_the_user_says_stays():
    config, _ = fitting.fitted(on_own_rows(**{"training.epochs": 3}), rows=119, validation_rows=15)
    assert (config.training.batch_size, config.training.epochs) == (8, 3)
    config, lines = fitting.fitted(
        on_own_rows(**{"training.epochs": 3, "training.batch_size": 64}), rows=119, validation_rows=15
    )
    assert (config.training.batch_size, config.training.epochs) == (64, 3)
    assert any("only 3 updates" in line for line in lines)


def test_a_whole_section_of_the_users_stays():
    config = load_config("binary_mlp", assignments=["dataset.name=csv", "training={epochs: 2, batch_size: 100}"])
    assert config.training.fit_to_rows == []


def test_the_recipes_own_data_keep_recipe_and_claim():
    own = load_config("binary_mlp")
    assert own.training.fit_to_rows == [] and own.claim is not None
    assert on_own_rows().claim is None


@given(rows=st.integers(1, 10**7), replicas=st.integers(1, 16), parts=st.integers(1, 8))
def test_any_number_of_rows_makes_whole_shares(rows, replicas, parts):
    config = on_own_rows(**{"training.optimizer.gradient_accumulation_steps": parts})
    fitted, _ = fitting.fitted(config, rows, rows // 8, replicas)
    assert fitted.training.batch_size % (replicas * parts) == 0
    assert 1 <= fitted.training.epochs <= 500


def test_a_warm_up_fits_into_the_training():
    config, lines = fitting.fitted(
        load_config("mnist_cnn", overrides={"training.epochs": 2}), rows=55_000, validation_rows=5_000
    )
    assert config.training.schedule.warmup_epochs == 0.5
    assert "warm-up" in lines[0]
    config, lines = fitting.fitted(load_config("mnist_cnn"), rows=55_000, validation_rows=5_000)
    assert config.training.schedule.warmup_epochs == 2.4 and lines == []


@pytest.mark.parametrize(
    ("flags", "precision"),
    [("fpu avx2 fma", "float32"), ("fpu avx512_bf16", "mixed_bfloat16"), ("asimd bf16", "mixed_bfloat16")],
)
def test_the_processor_decides_the_precision(processor, flags, precision):
    processor(flags)
    chosen, line = fitting.resolved_precision("auto")
    assert chosen == precision and precision in line


def test_advice_only_where_bfloat16_is_emulated(processor):
    processor("fpu avx2 fma")
    assert "--precision=auto" in fitting.resolved_precision("mixed_bfloat16")[1]
    assert fitting.resolved_precision("float32") == ("float32", None)
    processor("fpu avx512_bf16")
    assert fitting.resolved_precision("mixed_bfloat16") == ("mixed_bfloat16", None)


def test_averaged_weights_follow_a_short_training():
    """Of weights that have stood still for the last half of 20 updates, the average is nearly them, not the start."""
    import keras

    from zoo.settings import OptimizerSection, ScheduleSection
    from zoo.training.optimizers import build_optimizer

    settings = OptimizerSection(name="sgd", learning_rate=1.0, ema_momentum=0.999)
    optimizer = build_optimizer(settings, ScheduleSection(), steps_per_epoch=20, epochs=1)
    weight = keras.Variable(np.float32(0))
    optimizer.build([weight])
    expected = 0.0
    for step in range(20):
        optimizer.apply([np.float32(-1.0 if step < 10 else 0.0)], [weight])
        momentum = min(0.999, (1 + step) / (10 + step)) if step else 0
        expected = momentum * expected + (1 - momentum) * float(weight)
    assert float(optimizer._model_variables_moving_average[0]) == pytest.approx(expected, rel=1e-5)
    assert expected > 9.9
