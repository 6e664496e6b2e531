"""What a dense, a local and a shared hidden layer cost, by formula (section 05)."""

import math


def hidden_parameters(
    image_shape: tuple[int, int, int] = (1, 28, 28), kernel: int = 5, maps: int = 16
) -> dict[str, int]:
    """How many weights and biases each layer has, by formula (so it builds no layer).

    >>> hidden_parameters()
    {'dense': 7234560, 'local': 239616, 'convolution': 416}
    """
    channels, *size = image_shape
    positions = math.prod(side - kernel + 1 for side in size)
    window = channels * kernel * kernel
    return {
        "dense": positions * maps * (math.prod(image_shape) + 1),
        "local": positions * maps * (window + 1),
        "convolution": maps * (window + 1),
    }
