"""The pixels that one unit of a network depends on: what ``layers.trace`` is held against.

NaN spreads to all that is computed from it, also through weights of 0, a ReLU that is off and a
maximum that another pixel wins. So the real forward pass tells, of any network.
"""

import contextlib
import copy

import torch
from torch import nn

from cv_course.receptive import Field, Pair


def box(field, unit: Pair) -> list[tuple[int, int]]:
    """First pixel and end of what one element sees, down and across, in the padding, too.

    ``field``: a :class:`Field` or a row of ``layers.trace``.
    """
    size = field.size if isinstance(field, Field) else field.receptive_field
    jump = field.jump or (0, 0)
    first = [start + step * i for start, step, i in zip(field.start, jump, unit, strict=True)]
    return [(begin, begin + side) for begin, side in zip(first, size, strict=True)]


class _Reached(Exception):
    """Ends a forward pass where it has gone far enough."""


def sees_exactly(model: nn.Module, size, layer: str, unit: Pair, seen, axes=(0, 1)) -> bool:
    """Whether a unit of a layer depends on the first and last row and column of a box, and on no
    pixel outside. A model on the meta device gets weights for it.

    Args:
        seen: from :func:`box`; what lies outside the image is left out.
        axes: 0, 1 or both: rows, columns.
    """
    inside = [slice(max(a, 0), min(b, n)) for (a, b), n in zip(seen, size[1:], strict=True)]
    whole = slice(None)
    images = torch.ones(1 + 2 * len(axes), *size, dtype=torch.float64)
    images[0] = torch.nan
    images[0, :, *(inside[axis] if axis in axes else whole for axis in (0, 1))] = 1
    for number, axis in enumerate(axes):
        for end, place in ((1, inside[axis].start), (2, inside[axis].stop - 1)):
            images[2 * number + end, :, *(place if axis == a else whole for a in (0, 1))] = (
                torch.nan
            )
    reached = []

    def stop(module, inputs, output):
        reached.append(output[:, :, *unit].isnan().any(1).tolist())
        raise _Reached

    # in float32 the library for convolutions takes short cuts that mix neighbours
    model = copy.deepcopy(model).double().eval()
    model.get_submodule(layer).register_forward_hook(stop)
    state = {name: _weight(t) for name, t in model.state_dict().items() if t.is_meta}
    with torch.no_grad(), contextlib.suppress(_Reached):
        torch.func.functional_call(model, state, (images,))
    return reached[0] == [False, *[True] * (2 * len(axes))]


def _weight(tensor: torch.Tensor) -> torch.Tensor:
    """In place of one on the meta device: means of the inputs, no room."""
    value = 1 / tensor[0].numel() if tensor.ndim > 1 else 1
    return torch.full((), value, dtype=tensor.dtype).expand(tensor.shape)
