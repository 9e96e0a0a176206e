"""The architectures of Table 2, as functions (input_shape, classes, ...) -> keras.Model with softmax output.

``normalised=True`` adds batch normalisation, which only training needs: `fold` moves it into the weights of the
layer before, so that the model that is kept has the layers that Table 2 counts and no others.
"""

from ssviz.backend import keras

layers = keras.layers
Shape = tuple[int, int, int]


def mlp(input_shape: Shape, classes: int) -> keras.Model:
    """One fully connected layer on the pixels. Paper: Table 2 (AT&T)."""
    stack = [
        layers.Input(input_shape, name="image"),
        layers.Flatten(name="features"),
        layers.Dense(classes, activation="softmax", dtype="float32", name="classes"),
    ]
    return keras.Sequential(stack, name="mlp")


def cnn7(
    input_shape: Shape, classes: int, *, width: int = 32, dropout: float = 0.5, normalised: bool = False
) -> keras.Model:
    """The seven-layer CNN, six convolutions and one fully connected layer, with softmax output.

    input_shape: (height, width, channels) of inputs in [0, 1]; pairs of 3x3 convolutions with ``width``, 2 ``width``
    and 4 ``width`` filters, each pair followed by 2x2 max pooling. Paper: Table 2 (GTSRB, CIFAR-10).
    """
    stack = [layers.Input(input_shape, name="image")]
    for block, filters in enumerate((width, 2 * width, 4 * width), start=1):
        for half in "ab":
            stack += _convolution(f"conv{block}{half}", filters, normalised)
        stack.append(layers.MaxPooling2D(name=f"pool{block}"))
    stack += [
        layers.Flatten(name="features"),
        layers.Dropout(dropout, name="dropout"),
        layers.Dense(classes, activation="softmax", dtype="float32", name="classes"),
    ]
    return keras.Sequential(stack, name="cnn7")


def vgg16(
    input_shape: Shape, classes: int, *, width: int = 64, hidden: int = 4096, normalised: bool = False
) -> keras.Model:
    """VGG-16: thirteen 3x3 convolutions and three fully connected layers, named as in VGG-Face.

    width: filters of the first convolutions (64 in the original; later ones have 2, 4 and 8 times as many).
    hidden: neurons of the first two fully connected layers. Paper: Table 2 (VGG-Face).
    """
    stack = [layers.Input(input_shape, name="image")]
    for block, (depth, factor) in enumerate(((2, 1), (2, 2), (3, 4), (3, 8), (3, 8)), start=1):
        for number in range(1, depth + 1):
            stack += _convolution(f"conv{block}_{number}", factor * width, normalised)
        stack.append(layers.MaxPooling2D(name=f"pool{block}"))
    stack.append(layers.Flatten(name="flatten"))
    for name in ("fc6", "fc7"):
        stack += _activated(layers.Dense, name, normalised, units=hidden)
        stack.append(layers.Dropout(0.5, name=f"{name}_dropout"))
    stack.append(layers.Dense(classes, activation="softmax", dtype="float32", name="fc8"))
    return keras.Sequential(stack, name="vgg16")


def vggface_vgg16(classes: int = 2622, *, width: int = 64, hidden: int = 4096) -> keras.Model:
    """The full VGG-16 of VGG-Face: RGB inputs (224, 224, 3) in [0, 1], from which it takes the training set's mean."""
    shape = (224, 224, 3)
    mean = layers.Rescaling(255, offset=[-129.1863, -104.7624, -93.5940], name="grey_levels_less_mean")
    stack = vgg16(shape, classes, width=width, hidden=hidden).layers
    return keras.Sequential([layers.Input(shape, name="image"), mean, *stack], name="vggface_vgg16")


def _convolution(name: str, filters: int, normalised: bool) -> list[keras.Layer]:
    return _activated(layers.Conv2D, name, normalised, filters=filters, kernel_size=3, padding="same")


def _activated(kind: type[keras.Layer], name: str, normalised: bool, **options: object) -> list[keras.Layer]:
    """A layer with ReLU, and with batch normalisation between the two where asked."""
    if not normalised:
        return [kind(name=name, activation="relu", **options)]
    norm = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")
    return [kind(name=name, **options), norm, layers.ReLU(name=f"{name}_relu")]


def fold(trained: keras.Model, bare: keras.Model) -> None:
    """Give ``bare`` the weights of ``trained``, with every batch normalisation folded into the layer before it.

    At inference gamma (w x + b - mean) / sqrt(var + eps) + beta is affine in x: it is another kernel and bias.
    """
    norms = {layer.name: layer for layer in trained.layers if isinstance(layer, layers.BatchNormalization)}
    for layer in bare.layers:
        weights = trained.get_layer(layer.name).get_weights()
        if norm := norms.get(f"{layer.name}_norm"):
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / (variance + norm.epsilon) ** 0.5
            kernel, bias = weights
            weights = [kernel * scale, (bias - mean) * scale + beta]
        layer.set_weights(weights)
