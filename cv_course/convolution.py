"""How many positions a window has (sections 05, 08 and 10)."""


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
