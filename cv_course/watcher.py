"""The rules by which ``layers.trace`` follows a receptive field through a network.

Every operation of a forward pass comes by here, on the level of PyTorch's own list of operations
(ATen). For each tensor it is noted what its elements see of the image; each operation has a rule
that tells what the elements of its result see. An operation without a rule is an unknown one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from cv_course.layers import Layer, Pair
from cv_course.receptive_field import Axis, Window, evaluating


def run(model: nn.Module, state: dict, image: torch.Tensor) -> "Watcher":
    """Run ``model`` once, in evaluation mode, and watch.

    Args:
        state: name -> tensor, in place of the model's own parameters and buffers.
        image: 1 x C x H x W.

    Returns:
        The watcher, with the ``layers`` that ran and the ``unknown`` operations.
    """
    watcher = Watcher(image)
    hooks = []
    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(watcher.enter(name)))
        hooks.append(module.register_forward_hook(watcher.leave))
    try:
        with evaluating(model), torch.no_grad(), watcher:
            torch.func.functional_call(model, state, (image,))
    finally:
        for hook in hooks:
            hook.remove()
    return watcher


class _Sees(NamedTuple):
    """What the elements of one tensor see, (vertical, horizontal).

    ``place``: of the element (0, 0) of a map, whose last two axes are places. ``whole``: None for
    a map. In a list (flattened, pooled over everything) places are gone: any element sees a part
    as large as ``place.size``, all of them together see ``whole``.
    """

    place: tuple[Axis, Axis]
    whole: tuple[Axis, Axis] | None = None

    @property
    def sizes(self) -> Pair:
        return self.place[0].size, self.place[1].size

    @property
    def alike(self) -> bool:
        """Whether each element sees all that any of them sees."""
        return self.whole is not None and self.sizes == (self.whole[0].size, self.whole[1].size)

    def together(self, shape) -> tuple[Axis, Axis]:
        """What all elements of a tensor of this shape see together."""
        if self.whole:
            return self.whole
        return tuple(
            Axis(axis.size + (count - 1) * axis.jump, 0, axis.start)
            for axis, count in zip(self.place, shape[-2:], strict=True)
        )


def _union(parts: Sequence[tuple[Axis, Axis]]) -> tuple[Axis, Axis]:
    found = []
    for axes in zip(*parts, strict=True):
        start = min(axis.start for axis in axes)
        found.append(Axis(max(a.start + a.size for a in axes) - start, axes[0].jump, start))
    return tuple(found)


class _NoRule(Exception):
    """What an element of the result sees cannot be said."""


@dataclass
class _Running:
    """A module that is being run, and what was noticed meanwhile."""

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]
    macs: int = 0
    windows: list = None
    branches: tuple = ()


class Watcher(TorchDispatchMode):
    """Follows what each tensor sees of ``image`` through a forward pass, and lists the layers."""

    def __init__(self, image: torch.Tensor):
        super().__init__()
        self.sees = WeakTensorKeyDictionary()  # tensor -> _Sees, or None where that is not known
        self.sees[image] = _Sees((Axis(), Axis()))
        self.layers: list[Layer] = []
        self.running: list[_Running] = []
        self.unknown: list[str] = []
        self.lost = False  # nothing is known any more
        self.written: dict[int, object] = {}  # memory that was changed in place
        self.counted: set[int] = set()  # parameters, each counted once

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and torch would import the compiler (2 s) to say so."""
        return False

    # ------------------------------------------------------------------ modules

    def enter(self, name: str):
        def note(module, inputs):
            shape = next((tuple(x.shape[1:]) for x in _tensors(inputs)), ())
            self.running.append(_Running(name, module, shape, windows=[]))

        return note

    def leave(self, module, inputs, output):
        now = self.running.pop()
        own = [p for p in module._parameters.values() if p is not None]
        if any(True for _ in module.children()) and not (own or now.macs):
            return  # a container: its parts have been listed
        new = {id(p): p.numel() for p in own if id(p) not in self.counted}
        self.counted |= set(new)
        result = next(iter(_tensors(output)), None)
        self._list(now, type(module).__name__, result, sum(new.values()))

    def _list(self, now: _Running, kind: str, result, parameters: int = 0) -> None:
        window, groups = now.windows[0] if len(now.windows) == 1 else (None, None)
        layer = Layer(
            name=now.name,
            kind=kind,
            groups=groups,
            input_shape=now.input_shape,
            output_shape=() if result is None else tuple(result.shape[1:]),
            parameters=parameters,
            macs=now.macs,
            branches=now.branches,
        )
        if window:
            layer = replace(layer, **vars(window))
        sees = self.sees.get(result) if result is not None else None
        if sees:
            layer = replace(
                layer,
                receptive_field=sees.sizes,
                jump=None if sees.whole else tuple(axis.jump for axis in sees.place),
                start=tuple(axis.start for axis in sees.place),
            )
        self.layers.append(layer)

    # --------------------------------------------------------------- operations

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = _product(func, args)
        if result is None:
            result = func(*args, **kwargs)
        inputs = [x for x in _tensors((args, kwargs)) if x in self.sees or self._written(x)]
        outputs = list(_tensors(result))
        name = func.overloadpacket.__name__
        if not inputs or name.startswith("new_") or name.endswith("_like"):
            return result  # nothing that depends on the image
        if not outputs:  # a number went to Python, which may do anything with it
            self.lost = True
            self._complain(name)
            return result
        given = {argument.name: argument.default_value for argument in func._schema.arguments}
        given |= dict(zip(given, args, strict=False)) | kwargs
        call = _Call(func, given, inputs, outputs[0], [self.sees[x] for x in inputs])
        try:
            sees = None if self.lost or None in call.seen else call.rule()
        except _NoRule:
            sees = None
            self._complain(call.name)
        if func._schema.is_mutable and sees != self.sees.get(outputs[0], "nothing yet"):
            self._overwrite(outputs[0], call)
        for output in outputs:
            self.sees[output] = sees
        self._note(call, sees)
        return result

    def _overwrite(self, target: torch.Tensor, call: "_Call") -> None:
        """A tensor that shares its memory with others was changed in place: they are not known."""
        memory = target.untyped_storage()
        self.written[memory._cdata] = memory
        for other in list(self.sees):
            if other is not target and other.untyped_storage()._cdata == memory._cdata:
                self.sees[other] = None
                self._complain(call.name)

    def _written(self, tensor: torch.Tensor) -> bool:
        """Whether something unknown that depends on the image was written into this tensor."""
        if tensor.untyped_storage()._cdata not in self.written:
            return False
        self.sees[tensor] = None
        self._complain("writing into part of a tensor")
        return True

    def _complain(self, operation: str) -> None:
        where = self.running[-1].name if self.running else ""
        message = f"{operation} (in {where})" if where else operation
        if message not in self.unknown:
            self.unknown.append(message)

    def _note(self, call: "_Call", sees: _Sees | None) -> None:
        """Add an operation to the module that is running, or list it if that has parts."""
        macs = call.macs()
        branches = tuple(dict.fromkeys(one.sizes for one in call.seen if one))
        branches = branches if sees and len(branches) > 1 else ()
        now = self.running[-1]
        container = any(True for _ in now.module.children())
        if container and (call.window or macs or len(call.inputs) > 1):
            name = f"{now.name}.{call.label}".lstrip(".")
            now = _Running(name, now.module, tuple(call.inputs[0].shape[1:]), windows=[])
        now.macs += macs
        now.branches = branches or now.branches
        if call.window:
            now.windows.append((call.window, call.given.get("groups") or 1))
        if now is not self.running[-1]:
            self._list(now, call.label, call.output)


def _product(func, args) -> torch.Tensor | None:
    """The empty result of a matrix product on the meta device; None for anything else.

    torch would do the same, but import its compiler first, which takes 2 s.
    """
    factors = {"mm": args[:2], "addmm": args[1:3]}.get(func.overloadpacket.__name__)
    if not factors or factors[0].device.type != "meta" or factors[0].shape[1] != len(factors[1]):
        return None
    return factors[0].new_empty(len(factors[0]), factors[1].shape[1])


def _tensors(tree):
    """All tensors in nested lists, tuples and dictionaries."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))
    elif isinstance(tree, list | tuple):
        for part in tree:
            yield from _tensors(part)


# Shape and order in memory only. (Torch itself says which operations work element by element.)
_RESHAPING = {"view", "_unsafe_view", "_reshape_alias", "unsqueeze", "squeeze", "expand"}
_ELEMENTWISE = {"clone", "detach", "alias", "_to_copy", "channel_shuffle"}
_ELEMENTWISE |= {  # what not every version of torch says
    *("relu", "hardtanh", "leaky_relu", "_prelu_kernel", "elu", "celu", "gelu", "silu", "mish"),
    *("softplus", "softshrink", "hardshrink", "threshold", "hardsigmoid", "hardswish"),
    *("log_sigmoid_forward", "rrelu_with_noise", "clamp", "clamp_min", "clamp_max"),
}
_ALONG = {"select", "slice", "split", "split_with_sizes", "unbind", "index_select", "cumsum", "sum"}
_ALONG |= {"mean", "amax", "amin", "_softmax", "_log_softmax"}
_LABELS = {
    "convolution": "conv2d",
    "max_pool2d_with_indices": "max_pool2d",
    "addmm": "linear",
    "mm": "linear",
}


class _Call:
    """One operation: its arguments by name, its inputs that depend on the image, its result."""

    def __init__(self, func, given: dict, inputs: list, output: torch.Tensor, seen: list):
        self.name = func.overloadpacket.__name__
        self.base = self.name.rstrip("_")  # relu_ works in place
        self.label = _LABELS.get(self.base, self.base.lstrip("_"))
        self.pointwise = torch.Tag.pointwise in func.tags or self.base in _ELEMENTWISE
        self.given, self.inputs, self.output, self.seen = given, inputs, output, seen
        self.window: Window | None = None

    def macs(self) -> int:
        """Products of a weight and an activation (biases and poolings not counted)."""
        given = self.given
        if self.name == "convolution":
            moved = given["input"] if given["transposed"] else self.output
            return moved.numel() * given["weight"][0].numel()
        factor = {"mm": "self", "addmm": "mat1", "bmm": "self", "baddbmm": "batch1"}.get(self.name)
        return self.output.numel() * given[factor].shape[-1] if factor else 0

    def rule(self) -> _Sees:
        """What an element of the result sees of the image."""
        seen, before = self.seen[0], self.inputs[0].shape
        if self.name == "convolution" and len(self.given["stride"]) == 2:
            return self._through(self.given["weight"].shape[-2:])
        if self.base in ("max_pool2d_with_indices", "avg_pool2d"):
            return self._through(self.given["kernel_size"])
        if self.base in ("_adaptive_avg_pool2d", "adaptive_max_pool2d"):
            return self._adaptive()
        if self.base == "constant_pad_nd":
            return self._padded()
        if self.base in ("mm", "addmm") and before[0] == 1 and self.macs() and self._left():
            return _Sees(*[seen.together(before)] * 2)  # each result needs the whole list
        if all(one.alike for one in self.seen):
            return _Sees(*[_union([one.whole for one in self.seen])] * 2)
        if self.pointwise or self.base == "cat":
            return self._joined()
        if self.base in _RESHAPING:
            same = seen.whole or before[-2:] == self.output.shape[-2:]
            return seen if same else _Sees(seen.place, seen.together(before))
        if "batch_norm" in self.base and not self.given.get("training"):
            return seen  # by stored averages; otherwise it depends on the whole image
        if seen.whole is None and len(before) > 2:
            return self._of_map(seen, before)
        raise _NoRule

    def _left(self) -> bool:
        return self.inputs[0] is self.given.get("mat1" if self.name == "addmm" else "self")

    def _through(self, kernel) -> _Sees:
        given = {k: self.given.get(k) for k in ("stride", "padding", "dilation")}
        if self.given.get("transposed") or len(self.inputs) > 1:
            raise _NoRule
        stride = given["stride"] or kernel
        self.window = Window(
            *map(_two, (kernel, stride, given["padding"] or 0, given["dilation"] or 1))
        )
        if self.seen[0].whole:
            if (self.window.kernel, self.window.padding) == ((1, 1), (0, 0)) or self.seen[0].alike:
                return self.seen[0]
            raise _NoRule
        each = zip(*vars(self.window).values(), strict=True)
        return _Sees(
            tuple(axis.through(*one) for axis, one in zip(self.seen[0].place, each, strict=True))
        )

    def _adaptive(self) -> _Sees:
        before, after = self.inputs[0].shape[-2:], self.output.shape[-2:]
        seen = self.seen[0]
        if seen.whole:
            raise _NoRule
        if all(n % m == 0 for n, m in zip(before, after, strict=True)):
            sides = tuple(n // m for n, m in zip(before, after, strict=True))
            self.window = Window(sides, sides)
            axes = [a.through(k, k, 0, 1) for a, k in zip(seen.place, sides, strict=True)]
            return _Sees(tuple(axes))
        widest = []  # windows of different sizes: the largest counts, and places are no longer even
        for axis, n, m in zip(seen.place, before, after, strict=True):
            side = max(-(-(i + 1) * n // m) - i * n // m for i in range(m))
            widest.append(axis.through(side, 1, 0, 1))
        return _Sees(tuple(widest), seen.together(self.inputs[0].shape))

    def _padded(self) -> _Sees:
        seen, pad = self.seen[0], [*self.given["pad"], 0, 0, 0, 0]
        if seen.whole:
            raise _NoRule
        vertical, horizontal = seen.place
        return _Sees((vertical.through(1, 1, pad[2], 1), horizontal.through(1, 1, pad[0], 1)))

    def _joined(self) -> _Sees:
        """A sum, a product, a concatenation: an element sees what any of its parts sees."""
        places = {tuple(x.shape[-2:]) for x in [*self.inputs, self.output]}
        jumps = {tuple(axis.jump for axis in one.place) for one in self.seen}
        lists = {one.whole is not None for one in self.seen}
        if self.base == "cat":
            places = places if self._dims() & {-1, -2} else {()}
            tensors = self.given["tensors"]
            if lists == {False} and len(tensors[0].shape) > 2 and self._dims() & {-1, -2}:
                raise _NoRule  # beside one another in the picture
            if True in lists:
                places = {()}
        if len(places) > 1 or len(jumps) > 1 or len(lists) > 1:
            raise _NoRule
        place = _union([one.place for one in self.seen])
        return _Sees(place, _union([one.whole for one in self.seen]) if True in lists else None)

    def _dims(self) -> set[int]:
        """The axes that an operation works along, counted from the end."""
        dims, count = self.given.get("dim"), self.inputs[0].ndim
        if dims is None or dims == []:  # along all of them
            return set(range(-count, 0))
        return {d if d < 0 else d - count for d in ([dims] if isinstance(dims, int) else dims)}

    def _of_map(self, seen: _Sees, before) -> _Sees:
        if self.base == "transpose":
            dims = {self.given["dim0"] % len(before), self.given["dim1"] % len(before)}
            return self._unless(bool(dims & {len(before) - 1, len(before) - 2}), seen)
        if self.base == "permute":
            order = [dim % len(before) for dim in self.given["dims"]]
            return self._unless(order[-2:] != [len(before) - 2, len(before) - 1], seen)
        if self.base == "avg_pool3d":  # over channels only, as in local response normalisation
            stride, padding = self.given["stride"], self.given["padding"]
            moves = set(stride) != {1} or set(padding) != {0}
            return self._unless(moves or self.given["kernel_size"][-2:] != [1, 1], seen)
        if self.base == "index":  # x[:, numbers] picks channels
            return self._unless(len(self.given["indices"]) > len(before) - 2, seen)
        if self.base in _ALONG and "dim" in self.given:
            dims = self._dims()
            all_there = self.base == "slice" and self.output.shape == before
            if all_there or not dims & {-1, -2}:
                return seen
            if {-1, -2} <= dims and self.base in ("mean", "sum", "amax", "amin"):
                self.window = Window(tuple(before[-2:]), tuple(before[-2:]))
                return _Sees(*[seen.together(before)] * 2)
        raise _NoRule

    @staticmethod
    def _unless(lost: bool, seen: _Sees) -> _Sees:
        if lost:
            raise _NoRule
        return seen


def _two(value) -> Pair:
    value = [value] if isinstance(value, int) else list(value)
    return tuple(value * 2 if len(value) == 1 else value)
