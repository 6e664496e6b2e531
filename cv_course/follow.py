"""A network's forward pass, followed once: what each layer is, costs, and sees of the image.

Every operation of the pass comes by here, on the level of PyTorch's own list of operations (ATen).
For each tensor it is noted what its elements see of the image; each operation has a rule that tells
what the elements of its result see. An operation without a rule is an unknown one. ``layers.trace``
makes the table of it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules import module as every
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakTensorKeyDictionary

from cv_course.receptive import Axis, Window, evaluating, ready

Pair = tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One layer as it ran. Pairs are (vertical, horizontal); None where a layer has no such thing.

    ``name`` is the module's, as in ``model.named_modules()``; an operation that ``forward`` calls
    as a function is ``module.operation``. Shapes are without the batch: (C, H, W) or (D,).
    ``parameters`` are those that the layer is the first to use, ``macs`` its products of
    a weight and an activation, biases and poolings not counted. ``receptive_field``, ``jump`` and
    ``start`` are pixels of the image: the element in row i and column j of the map sees
    ``receptive_field`` pixels from ``start + (i, j) * jump`` on, at the border part of them in the
    padding. ``branches`` holds the receptive fields that met here, if they differ.
    """

    name: str
    kind: str
    kernel: Pair | None = None
    stride: Pair | None = None
    padding: Pair | None = None
    dilation: Pair | None = None
    groups: int | None = None
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    parameters: int = 0
    macs: int = 0
    receptive_field: Pair | None = None
    jump: Pair | None = None
    start: Pair | None = None
    branches: tuple[Pair, ...] = ()


def follow(model: nn.Module, input_size: tuple[int, int, int]) -> "Follower":
    """Run ``model`` once, in evaluation mode, and note its ``rows``.

    It runs on the meta device, where tensors have shapes but no content, or where it is, if its
    code needs real numbers.

    Raises:
        TypeError: see :func:`cv_course.receptive.ready`.
        RuntimeError: the model cannot take such an image.
    """
    model = ready(model, input_size)
    state = dict(model.named_parameters()) | dict(model.named_buffers())
    first = next(iter(state.values()), torch.empty(0))
    image = torch.zeros(1, *input_size, dtype=first.dtype if first.is_floating_point() else None)
    try:
        nowhere = {name: torch.empty_like(tensor, device="meta") for name, tensor in state.items()}
        return Follower(model, nowhere, image.to("meta"))
    except (RuntimeError, TypeError):
        return Follower(model, state, image.to(first.device))


class Sees(NamedTuple):
    """What the elements of one tensor see, (vertical, horizontal).

    ``axes``: of a map, whose last two axes are positions. ``whole``: None for a map. In a vector
    (flattened, pooled over everything) positions are gone: any element sees a part as large as
    ``axes`` says, all of them together see ``whole``.
    """

    axes: tuple[Axis, Axis]
    whole: tuple[Axis, Axis] | None = None

    @property
    def sizes(self) -> Pair:
        return self.axes[0].size, self.axes[1].size

    @property
    def alike(self) -> bool:
        """Whether each element sees all that any of them sees."""
        return self.whole is not None and self.sizes == Sees(self.whole).sizes

    def vector(self, shape) -> "Sees":
        """The same without positions, for all elements of a tensor of this shape."""
        sides = zip(self.axes, shape[-2:], strict=True)
        whole = tuple(axis.through(count, 1, 0, 1) for axis, count in sides)
        return Sees(self.axes, self.whole or whole)


def _union(parts) -> tuple[Axis, Axis]:
    found = []
    for axes in zip(*parts, strict=True):
        start = min(axis.start for axis in axes)
        found.append(Axis(max(a.start + a.size for a in axes) - start, axes[0].jump, start))
    return tuple(found)


class _Running(NamedTuple):
    """A module that is being run, its row so far, the operations in it that have a window."""

    module: nn.Module
    row: dict
    windows: list


class Follower(TorchDispatchMode):
    """Follows what each tensor sees of ``image`` through a forward pass.

    ``rows``: a :class:`Layer` for each layer that ran. ``unknown``: operations without a rule.
    ``unread``: how many numbers the parameters have that no operation has read.

    Args:
        state: name -> tensor, in place of the model's own parameters and buffers.
        image: 1 x C x H x W.
    """

    def __init__(self, model: nn.Module, state: dict, image: torch.Tensor):
        super().__init__()
        self.rows: list[Layer] = []
        self.unknown: dict[str, None] = {}
        self._names = {module: name for name, module in model.named_modules()}
        self._running: list[_Running] = []
        self._unread = {id(state[name]): p.numel() for name, p in model.named_parameters()}
        self._sees = WeakTensorKeyDictionary({image: Sees((Axis(), Axis()))})
        self._written = {}  # memory that was changed in place
        self._lost = False  # nothing is known any more
        hooks = every.register_module_forward_pre_hook, every.register_module_forward_hook
        with hooks[0](self._enter), hooks[1](self._leave), evaluating(model), torch.no_grad(), self:
            torch.func.functional_call(model, state, (image,))
        self.unread = sum(self._unread.values())

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and torch would import the compiler (2 s) to say so."""
        return False

    # ------------------------------------------------------------------ modules

    def _enter(self, module, inputs):
        if module in self._names:  # other models may run at the same time
            self._start(module, self._names[module], inputs)

    def _start(self, module, name: str, inputs) -> _Running:
        shape = next((tuple(x.shape[1:]) for x in _tensors(inputs)), ())
        row = {"name": name, "input_shape": shape, "parameters": 0, "macs": 0}
        self._running.append(_Running(module, row, []))
        return self._running[-1]

    def _leave(self, module, inputs, output):
        if module in self._names:
            now = self._running[-1]
            layer = not any(True for _ in module.children()) or now.row["parameters"]
            self._finish(type(module).__name__ if layer else None, output)

    def _finish(self, kind: str | None, output) -> None:
        """What was begun last is done; without a kind, its parts have been listed already."""
        now = self._running.pop()
        result = next(iter(_tensors(output)), None)
        sees = self._sees.get(result) if result is not None else None
        if len(now.windows) == 1:
            now.row.update(vars(now.windows[0][0]), groups=now.windows[0][1])
        if sees:
            jump = None if sees.whole else tuple(axis.jump for axis in sees.axes)
            start = tuple(axis.start for axis in sees.axes)
            now.row.update(receptive_field=sees.sizes, jump=jump, start=start)
        if kind:
            shape = () if result is None else tuple(result.shape[1:])
            self.rows.append(Layer(kind=kind, output_shape=shape, **now.row))

    # --------------------------------------------------------------- operations

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        result = _without_compiler(name, args)
        result = func(*args, **kwargs) if result is None else result
        tensors, outputs = _tensors((args, kwargs)), _tensors(result)
        row = self._running[-1].row
        read = sum(self._unread.pop(id(x), 0) for x in tensors)
        row["parameters"] += read
        inputs = [x for x in tensors if x in self._sees or _memory(x) in self._written]
        if not inputs or name.startswith("new_") or name.endswith("_like"):
            return result  # nothing that depends on the image
        given = {argument.name: argument.default_value for argument in func._schema.arguments}
        given |= dict(zip(given, args, strict=False)) | kwargs
        call = _Call(func, given, inputs, outputs, [self._sees.get(x) for x in inputs])
        known = not self._lost and None not in call.seen
        sees = call.rule() if known else None
        if known and not sees:
            self._complain(call.label)
        if not outputs:  # a number went to Python, which may do anything with it
            self._lost = True
            return result
        if func._schema.is_mutable and sees != self._sees.get(outputs[0], "nothing yet"):
            self._overwrite(outputs[0], call.label)
        self._sees.update(dict.fromkeys(outputs, sees))
        macs = flop_registry.get(func.overloadpacket, lambda *_, **__: 0)
        self._note(call, read, macs(*args, **kwargs, out_val=result) // 2)
        return result

    def _overwrite(self, target: torch.Tensor, label: str) -> None:
        """A tensor was changed in place: of others in the same memory nothing is known now."""
        memory = target.untyped_storage()
        self._written[_memory(target)] = memory
        others = [x for x in self._sees if x is not target and _memory(x) == _memory(target)]
        self._sees.update(dict.fromkeys(others))
        if others or target.numel() * target.element_size() < memory.nbytes():
            self._complain(label)

    def _complain(self, label: str) -> None:
        now = self._running[-1]
        self.unknown[f"{label} in {type(now.module).__name__} {now.row['name']}".rstrip()] = None

    def _note(self, call: "_Call", read: int, macs: int) -> None:
        """Add an operation to the module that is running, or list it if that has parts."""
        now = above = self._running[-1]
        part = call.window or macs or read or len(call.inputs) > 1
        part = part and any(True for _ in now.module.children())
        if part:
            name = f"{now.row['name']}.{call.label}".lstrip(".")
            now = self._start(now.module, name, call.inputs)
            now.row["parameters"], above.row["parameters"] = above.row["parameters"], 0
        now.row["macs"] += macs
        sizes = tuple(dict.fromkeys(one.sizes for one in call.seen if one))
        if len(sizes) > 1 and self._sees[call.output]:
            now.row["branches"] = sizes
        if call.window and not call.uneven:
            now.windows.append((call.window, call.given.get("groups") or 1))
        if part:
            self._finish(call.label, call.output)


def _without_compiler(name: str, args):
    """Results on the meta device for which torch would import its compiler, which takes 2 s."""
    factors = {"mm": args[:2], "addmm": args[1:3]}.get(name, ())
    if not isinstance(args[0] if args else None, torch.Tensor) or not args[0].is_meta:
        return None
    if factors and factors[0].shape[1] == len(factors[1]):
        return factors[0].new_empty(len(factors[0]), factors[1].shape[1])
    if name in _ONE_BY_ONE:
        return args[0] if name.endswith("_") else torch.empty_like(args[0])
    if name == "native_batch_norm":
        return (torch.empty_like(args[0]), *[args[0].new_empty(args[0].shape[1]) for _ in range(2)])
    return None


def _tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


# Torch itself says which operations work element by element, but not in every version.
_ONE_BY_ONE = {"relu", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus"}
_ONE_BY_ONE |= {"softshrink", "hardshrink", "threshold", "hardsigmoid", "hardswish", "celu"}
_ONE_BY_ONE |= {f"{name}_" for name in _ONE_BY_ONE}
_ELEMENTWISE = _ONE_BY_ONE | {"clone", "detach", "alias", "_to_copy", "channel_shuffle", "clamp"}
_ELEMENTWISE |= {"copy", "_prelu_kernel", "log_sigmoid_forward", "rrelu_with_noise", "clamp_min"}
_REDUCING = {"mean", "sum", "amax", "amin"}
_ALONG = _REDUCING | {"index_select", "cumsum", "_softmax", "_log_softmax"}
_LABELS = {"convolution": "conv2d", "max_pool2d_with_indices": "max_pool2d"}
_LABELS |= {"addmm": "linear", "mm": "linear", "_local_scalar_dense": ".item()"}


class _Call:
    """One operation: its arguments by name, its inputs that depend on the image, its result."""

    def __init__(self, func, given: dict, inputs: list, outputs: list, seen: list):
        self.name = func.overloadpacket.__name__.rstrip("_")  # relu_ works in place
        self.given, self.inputs, self.seen = given, inputs, seen
        self.output = outputs[0] if outputs else None
        self.uneven = False  # a pooling with windows of different sizes
        self.pointwise = torch.Tag.pointwise in func.tags or self.name in _ELEMENTWISE
        self.window = self._window() if outputs else None
        self.is_view = not func._schema.is_mutable and self.name != "as_strided"
        self.is_view &= bool(outputs) and _memory(outputs[0]) == _memory(inputs[0])
        flat = self.name == "convolution" and not self.window
        self.label = "convolution" if flat else _LABELS.get(self.name, self.name.lstrip("_"))

    def _dims(self) -> set[int]:
        """The axes that an operation works along, counted from the end."""
        dims, count = self.given.get("dim"), self.inputs[0].ndim
        dims = [dims] if isinstance(dims, int) else dims or range(count)
        return {dim % count - count for dim in dims}

    def _window(self) -> Window | None:
        given, sides = self.given, [x.shape[-2:] for x in (self.inputs[0], self.output)]
        if self.name == "convolution" and len(given["stride"]) == 2 and not given["transposed"]:
            kernel = given["weight"].shape[2:]
        elif self.name in ("max_pool2d_with_indices", "avg_pool2d"):
            kernel = given["kernel_size"]
        elif self.name in ("_adaptive_avg_pool2d", "adaptive_max_pool2d"):  # the largest counts
            kernel = [
                max(-(-(i + 1) * n // m) - i * n // m for i in range(m))
                for n, m in zip(*sides, strict=True)
            ]
            self.uneven = any(n % m for n, m in zip(*sides, strict=True))
        elif self.name in _REDUCING and self._dims() >= {-1, -2} and self.inputs[0].ndim > 2:
            kernel = sides[0]
        else:
            return None
        pairs = kernel, given.get("stride") or kernel, given.get("padding", 0)
        return Window(*map(_two, (*pairs, given.get("dilation", 1))))

    def rule(self) -> Sees | None:
        """What an element of the result sees of the image; None where that is not known."""
        if self.output is None:
            return None
        if all(one.alike for one in self.seen):
            return Sees(*[_union([one.whole for one in self.seen])] * 2)
        if self.pointwise or self.name == "cat":
            return self._joined()
        if len(self.seen) > 1:
            return None
        given, seen, inputs = self.given, self.seen[0], self.inputs[0]
        before, after = inputs.shape, self.output.shape
        vector = seen.vector(before)
        if inputs is given.get({"mm": "self", "addmm": "mat1"}.get(self.name)):
            return Sees(vector.whole, vector.whole) if len(inputs) == 1 else None
        if self.is_view:  # still a map, if its last two axes are what they were
            planes = {(x.shape[-2:], x.stride()[-2:]) for x in (inputs, self.output)}
            if len(planes) == 1 and not seen.whole:
                return seen
            same = self.output.is_contiguous() and before.numel() == after.numel()
            return vector if same else None
        if self.window and seen.whole:
            return seen if self.window == Window(1, self.window.stride) else None
        if self.window:
            each = zip(seen.axes, self.window.axes, strict=True)
            axes = tuple(axis.through(*one) for axis, one in each)
            return Sees(axes, vector.whole if self.uneven or self.name in _REDUCING else None)
        if self.name == "constant_pad_nd" and not seen.whole:
            pads = zip(seen.axes, [*given["pad"], 0][2::-2], strict=True)
            return Sees(tuple(axis.through(1, 1, pad, 1) for axis, pad in pads))
        stays = (
            ("batch_norm" in self.name and not given.get("training"))  # by stored averages
            or (self.name in _ALONG and not self._dims() & {-1, -2})
            or (self.name == "index" and len(given["indices"]) <= len(before) - 2)  # channels
            or (self.name == "avg_pool3d" and list(given["kernel_size"][-2:]) == [1, 1])
        )
        return seen if stays and not seen.whole and before[-2:] == after[-2:] else None

    def _joined(self) -> Sees | None:
        """A sum, a product, a concatenation: an element sees what any of its parts sees."""
        maps = {one.whole is None for one in self.seen}
        sides = {x.shape[-2:] for x in [*self.inputs, self.output]}
        jumps = {tuple(axis.jump for axis in one.axes) for one in self.seen}
        if len(maps) > 1 or len(jumps) > 1 or (len(sides) > 1 and maps == {True}):
            return None
        wholes = [one.whole for one in self.seen if one.whole]
        return Sees(_union([one.axes for one in self.seen]), _union(wholes) if wholes else None)


def _two(value) -> Pair:
    value = [value] if isinstance(value, int) else list(value)
    return tuple(value * 2 if len(value) == 1 else value)
