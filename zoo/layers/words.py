"""How texts are cut into words where punctuation parts them."""

import keras

from zoo.tokens import PUNCTUATION


@keras.saving.register_keras_serializable("zoo")
def lower_and_space_punctuation(texts):
    """`string[batch]` → the same in lower case, with a space in place of each mark: "Elinor--and" is two words.

    Keras's `lower_and_strip_punctuation` takes the marks away, which makes one word of these, "elinorand", and parts
    "emma" from "emma's".
    """
    import tensorflow as tf

    return tf.strings.regex_replace(tf.strings.lower(texts), PUNCTUATION, " ")
