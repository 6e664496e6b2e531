"""What a dense, a local and a shared hidden layer cost, by formula (section 05)."""

import math


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """How many places a window has along one side: ⌊(size + 2 padding − kernel) / stride⌋ + 1.

    Args:
        size, kernel: of image and window, in pixels.
        stride: pixels from one place to the next.
        padding: pixels added on each of the two sides.

    Raises:
        ValueError: no place at all, or a stride below 1.
    """
    room = size + 2 * padding - kernel
    if stride < 1 or kernel < 1 or padding < 0:
        raise ValueError(
            f"kernel and stride must be 1 or more and padding 0 or more; got kernel={kernel}, "
            f"stride={stride}, padding={padding}."
        )
    if room < 0:
        raise ValueError(
            f"a window of {kernel} does not fit into {size} + 2 x {padding} pixels; take a larger "
            "image, a smaller kernel or more padding."
        )
    return room // stride + 1


def hidden_parameters(
    image_shape: tuple[int, int, int] = (1, 28, 28),
    kernel: int = 5,
    maps: int = 4,
    stride: int = 1,
    padding: int = 0,
) -> dict[str, int]:
    """How many weights and biases each layer has, by formula (so it builds no layer).

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
    """How many products each layer computes for one image (those with padded zeros included)."""
    channels, *size = image_shape
    outputs = maps * math.prod(output_size(side, kernel, stride, padding) for side in size)
    local = outputs * channels * kernel * kernel
    return {"dense": outputs * math.prod(image_shape), "local": local, "convolution": local}
