"""A small residual network with drop path, registered for the tests of training."""

from zoo.models.head import classification_head
from zoo.registry import register_model

MODEL = "small_residual"


@register_model(MODEL, reads="image", task="classification", description="for tests", reference="none")
def small_residual(input_shape=(8, 8, 1), num_classes: int = 4, drop_path: float = 0.3, normalize: bool = True):
    """`uint8[batch, 8, 8, 1]` → `float32[batch, num_classes]`."""
    import keras

    inputs = keras.Input(tuple(input_shape), dtype="uint8")
    x = keras.layers.Conv2D(8, 3, padding="same")(keras.layers.Rescaling(1 / 255)(inputs))
    for _ in range(2):
        y = keras.layers.BatchNormalization(synchronized=True)(x) if normalize else x
        y = keras.layers.Conv2D(8, 3, padding="same", activation="tanh")(y)
        x = keras.layers.Add()([x, keras.layers.Dropout(drop_path, noise_shape=(None, 1, 1, 1))(y)])
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(x))
    return keras.Model(inputs, classification_head(x, num_classes))
