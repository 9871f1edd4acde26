"""Rows that wait: their order, their bounds, and what becomes of those whose client gives up."""

import asyncio
import threading

import keras
import numpy as np
import pytest
from loaded import named

from zoo.serving.batching import Batcher, QueueFull
from zoo.serving.compiled import batch_sizes, compiled


def rows(*values):
    return np.array(values, float)[:, None]


def in_loop(scenario, function=lambda x: x * 10, **settings):
    """Runs `scenario(batcher)` beside the batcher; returns its result and the batches that were computed."""
    batches = []

    def observed(batch):
        batches.append(batch[:, 0].tolist())
        return function(batch)

    async def main():
        defaults = {"max_batch_size": 4, "max_wait": 0.0, "max_queue": 20, "observe": lambda count: None}
        batcher = Batcher(observed, **defaults | settings)
        running = asyncio.create_task(batcher.run())
        try:
            return await asyncio.wait_for(scenario(batcher), 20)
        finally:
            running.cancel()

    return asyncio.run(main()), batches


def test_requests_fill_batches_in_order_and_large_ones_are_cut():
    async def scenario(batcher):
        return await asyncio.gather(*(batcher.compute(rows(*part)) for part in ([1], [2, 3], range(4, 14), [14])))

    answers, batches = in_loop(scenario, max_wait=0.2)
    assert [answer[:, 0].tolist() for answer in answers] == [[10], [20, 30], [10 * n for n in range(4, 14)], [140]]
    assert all(len(batch) <= 4 for batch in batches)
    assert sum(batches, []) == list(range(1, 15))


def test_rows_wait_for_others_but_not_longer_than_they_must():
    async def scenario(batcher):
        first = asyncio.create_task(batcher.compute(rows(1)))
        await asyncio.sleep(0.05)
        return await asyncio.gather(first, batcher.compute(rows(2)))

    assert in_loop(scenario, max_wait=0.5)[1] == [[1, 2]]
    assert in_loop(scenario, max_wait=0.0)[1] == [[1], [2]]


def test_a_full_queue_refuses_and_those_who_give_up_make_room():
    gate, entered = threading.Event(), threading.Event()

    def blocked(batch):
        entered.set()
        assert gate.wait(20)
        return batch

    async def scenario(batcher):
        first = asyncio.create_task(batcher.compute(rows(0)))
        await asyncio.to_thread(entered.wait, 20)
        waiting = [asyncio.create_task(batcher.compute(rows(n, n))) for n in range(1, 11)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await batcher.compute(rows(99))
        for task in (first, *waiting[::2]):
            task.cancel()
        gate.set()
        return await asyncio.gather(*waiting[1::2]), batcher.waiting_rows

    (answers, left), batches = in_loop(scenario, blocked)
    assert [answer[0, 0] for answer in answers] == [2, 4, 6, 8, 10]
    assert left == 0
    assert sorted({n for batch in batches for n in batch}) == [0, 2, 4, 6, 8, 10]


def test_a_fault_reaches_those_in_the_batch_and_the_next_goes_on():
    def faulty(batch):
        if 13 in batch:
            raise ArithmeticError("unlucky")
        return batch

    async def scenario(batcher):
        with pytest.raises(ArithmeticError):
            await batcher.compute(rows(13))
        return await batcher.compute(rows(1))

    assert in_loop(scenario, faulty)[0].tolist() == [[1]]


@pytest.mark.parametrize(("largest", "sizes"), [(1, [2]), (2, [2]), (32, [2, 4, 8, 16, 32]), (6, [2, 4, 6])])
def test_a_few_sizes_cover_all_batches(largest, sizes):
    assert batch_sizes(largest) == sizes


def test_no_batch_traces_the_model_anew():
    traces = []

    class Counted(keras.layers.Layer):
        def call(self, x):
            traces.append(x.shape)
            return x

    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(Counted()(inputs)))
    loaded = named(model, "table", ["no", "yes"], "model.keras")
    traces.clear()
    function = compiled(loaded, 6)
    assert traces == [(2, 3), (4, 3), (6, 3)]
    features = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    expected = model(features).numpy()
    traces.clear()
    for count in range(1, 7):
        found = function(features[:count])
        np.testing.assert_allclose(found, np.concatenate([1 - expected, expected], axis=1)[:count], atol=1e-6)
    assert traces == []
