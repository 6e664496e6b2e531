"""What a dense, a local and a shared hidden layer cost, by formula (sections 05 and 08)."""

import math

from cv_course.convolution import output_size


def hidden_parameters(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    kernel: int = 5,
    maps: int = 4,
    stride: int = 1,
    padding: int = 0,
) -> dict[str, int]:
    """How many weights and biases each rung has, by formula (so it builds no layer).

    >>> hidden_parameters()
    {'dense': 1808640, 'local': 59904, 'convolution': 104}
    """
    channels, *size = image_shape
    places = math.prod(output_size(side, kernel, stride, padding) for side in size)
    window = channels * kernel * kernel
    return {
        "dense": places * maps * (math.prod(image_shape) + 1),
        "local": places * maps * (window + 1),
        "convolution": maps * (window + 1),
    }


def hidden_multiplications(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    kernel: int = 5,
    maps: int = 4,
    stride: int = 1,
    padding: int = 0,
) -> dict[str, int]:
    """How many products each rung computes for one image (those with padded zeros included)."""
    channels, *size = image_shape
    outputs = maps * math.prod(output_size(side, kernel, stride, padding) for side in size)
    local = outputs * channels * kernel * kernel
    return {"dense": outputs * math.prod(image_shape), "local": local, "convolution": local}
