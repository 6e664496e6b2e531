"""A network's forward pass, followed once: what each layer is, costs, and sees of the image.

Every operation of the pass comes by here, on the level of PyTorch's own list of operations (ATen).
For each tensor it is noted what its elements see of the image; each operation has a rule that tells
what the elements of its result see. An operation without a rule is an unknown one. ``layers.trace``
makes the table of it.
"""

import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.modules import module as every
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakTensorKeyDictionary

from cv_course import checked
from cv_course.receptive import Field, Pair, Window


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
    code needs real numbers. Neither its tensors nor torch's random numbers change.

    Raises:
        TypeError: see :func:`ready`.
        Exception: what the model raises where it cannot take such an image.
    """
    model = ready(model, input_size)
    state = {  # of a module that has several names, the first
        f"{prefix}.{name}".lstrip("."): tensor
        for prefix, module in model.named_modules()
        for name, tensor in (module._parameters | module._buffers).items()
        if tensor is not None
    }
    numbers = next((t for t in state.values() if t.is_floating_point()), torch.empty(0))
    image = torch.zeros(1, *input_size).to(numbers)
    try:
        nowhere = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in state.values()}
        without = {name: nowhere[id(tensor)] for name, tensor in state.items()}
        return Follower(model, without, image.to("meta"))
    except Exception:  # its code looks at numbers
        with checked.trial(model, training=False):
            return Follower(model, state, image)


def ready(model: nn.Module, input_size: tuple[int, int, int]) -> nn.Module:
    """The model; of one with lazy layers, a copy that has seen an image and knows its sizes.

    Raises:
        TypeError: no network, or one whose code cannot be followed.
    """
    if isinstance(checked.network(model), nn.DataParallel | torch.jit.ScriptModule):
        raise TypeError(
            f"expected a network as it was built, got {type(model).__name__}. Give model.module "
            "of a DataParallel, the model itself instead of its script."
        )
    lazy = [t for t in (*model.parameters(), *model.buffers()) if nn.parameter.is_lazy(t)]
    if lazy:
        new = {id(t): type(t)(device=t.device, dtype=t.dtype) for t in lazy}  # torch cannot copy
        model = copy.deepcopy(model, new)
        with torch.random.fork_rng(), checked.mode(model, training=False), torch.no_grad():
            model(torch.zeros(1, *input_size, device=lazy[0].device, dtype=lazy[0].dtype))
    return model


class Sees(NamedTuple):
    """What the elements of one tensor see: each of them ``each``, all of them together ``whole``.

    ``whole`` is None for a map, whose last two axes are positions. In a vector (flattened, pooled
    over everything) positions are gone: an element sees a part as large as ``each`` says.
    """

    each: Field
    whole: Field | None = None

    def vector(self, shape) -> "Sees":
        """The same without positions, for all elements of a tensor of this shape."""
        return self if self.whole else Sees(self.each, self.each.through(Window(shape[-2:])))


def _union(fields: list[Field]) -> Field:
    start = np.min([field.start for field in fields], axis=0)
    end = np.max([np.add(field.start, field.size) for field in fields], axis=0)
    return Field(tuple((end - start).tolist()), fields[0].jump, tuple(start.tolist()))


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
        self._parents = {name for module, name in self._names.items() if [*module.children()]}
        self._running: list[dict] = []  # rows of the modules that are being run, so far
        self._unread = {id(state[name]): p.numel() for name, p in model.named_parameters()}
        self._sees = WeakTensorKeyDictionary({image: Sees(Field())})
        self._lost = False  # nothing is known any more
        self._written = {}  # memory of which a part was changed
        hooks = every.register_module_forward_pre_hook, every.register_module_forward_hook
        evaluation = checked.mode(model, training=False)
        with hooks[0](self._enter), hooks[1](self._leave), evaluation, torch.no_grad(), self:
            # (torch's own way to tie weights leaves ours in a module that has two names)
            torch.func.functional_call(model, state, (image,), tie_weights=False)
        self.unread = sum(self._unread.values())

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and torch would import the compiler (2 s) to say so."""
        return False

    # ------------------------------------------------------------------ rows

    def _enter(self, module, inputs):
        if module in self._names:  # other models may run at the same time
            self._begin(self._names[module], type(module).__name__, inputs)

    def _leave(self, module, inputs, output):
        if module in self._names:
            row = self._running[-1]
            self._end(output, listed=row["parameters"] or row["name"] not in self._parents)

    def _begin(self, name: str, kind: str, inputs) -> None:
        shape = next((tuple(x.shape[1:]) for x in _tensors(inputs)), ())
        row = {"name": name, "kind": kind, "input_shape": shape, "parameters": 0, "macs": 0}
        self._running.append(row | {"windows": []})

    def _end(self, output, listed=True) -> None:
        """What was begun last is done. It is not listed where its parts have been."""
        row = self._running.pop()
        if len(windows := row.pop("windows")) == 1:
            row |= windows[0]
        for tensor in _tensors(output)[:1]:
            row["output_shape"] = tuple(tensor.shape[1:])
            if sees := self._sees.get(tensor):
                row["receptive_field"], jump, row["start"] = sees.each
                row["jump"] = None if sees.whole else jump
        if listed:
            self.rows.append(Layer(**row))

    # --------------------------------------------------------------- operations

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        result = _without_compiler(name, args)
        result = func(*args, **kwargs) if result is None else result
        tensors, outputs = _tensors((args, kwargs)), _tensors(result)
        read = sum(self._unread.pop(id(x), 0) for x in tensors)
        self._running[-1]["parameters"] += read
        inputs = [x for x in tensors if x in self._sees or _memory(x) in self._written]
        if not inputs or name.startswith("new_") or name.endswith("_like"):
            return result  # nothing that depends on the image
        seen = [self._sees.get(x) for x in inputs]
        known = not self._lost and None not in seen
        call = _Call(func, args, kwargs, inputs, outputs, seen)
        sees = call.rule() if known and outputs else None
        changed = func._schema.is_mutable and outputs and sees != self._sees.get(outputs[0], "no")
        if not outputs or (changed and self._is_part(outputs[0])):
            self._lost = True  # a number went to Python, or other tensors have changed, too
        if known and (self._lost or not sees):
            row = self._running[-1]
            self.unknown[f"{call.label} in {row['kind']} {row['name']}".rstrip()] = None
        self._sees.update(dict.fromkeys(outputs, sees))
        if outputs:
            macs = flop_registry.get(func.overloadpacket, lambda *_, **__: 0)
            # older releases of torch call it out
            self._note(call, read, macs(*args, **kwargs, out_val=result, out=result) // 2)
        return result

    def _is_part(self, changed: torch.Tensor) -> bool:
        """Whether there is more in its memory than this tensor. All of that counts as changed."""
        memory = changed.untyped_storage()
        others = [x for x in self._sees if x is not changed and _memory(x) == _memory(changed)]
        part = bool(others) or changed.numel() * changed.element_size() < memory.nbytes()
        if part:
            self._written[_memory(changed)] = memory
        return part

    def _note(self, call: "_Call", read: int, macs: int) -> None:
        """Add an operation to the module that is running, or list it if that has parts."""
        above = self._running[-1]
        listed = call.window or macs or read or len(call.inputs) > 1
        if listed := listed and above["name"] in self._parents:
            self._begin(f"{above['name']}.{call.label}".lstrip("."), call.label, call.inputs)
            self._running[-1]["parameters"], above["parameters"] = above["parameters"], 0
        row = self._running[-1]
        row["macs"] += macs
        sizes = tuple(dict.fromkeys(one.each.size for one in call.seen if one))
        if len(sizes) > 1 and self._sees[call.output]:
            row["branches"] = sizes
        if call.window and not call.uneven:
            row["windows"].append(vars(call.window) | {"groups": call.given.get("groups") or 1})
        if listed:
            self._end(call.output)


# Torch itself says which operations work element by element, but not in every version.
_ACTIVATIONS = {"relu", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus"}
_ACTIVATIONS |= {"softshrink", "hardshrink", "threshold", "hardsigmoid", "hardswish", "celu"}
_ELEMENTWISE = _ACTIVATIONS | {"detach", "_to_copy", "channel_shuffle", "copy", "_prelu_kernel"}
_ELEMENTWISE |= {"log_sigmoid_forward", "rrelu_with_noise", "cat"}  # cat: as a sum, see `rule`
_REDUCING = {"mean", "sum", "amax", "amin"}
_ALONG = _REDUCING | {"index_select", "cumsum", "_softmax", "_log_softmax"}
_LABELS = {"max_pool2d_with_indices": "max_pool2d", "addmm": "linear", "mm": "linear"}
_LABELS |= {"_local_scalar_dense": ".item()"}


def _without_compiler(name: str, args):
    """Results on the meta device for which torch would import its compiler, which takes 2 s."""
    if not getattr(next(iter(args), None), "is_meta", False):
        return None
    if name in _ACTIVATIONS:
        return torch.empty_like(args[0])
    if name == "addmm":
        return args[1].mm(args[2])
    if name == "native_batch_norm":
        return (torch.empty_like(args[0]), *args[0].new_empty(2, args[0].shape[1]))
    return None


def _tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


class _Call:
    """One operation: its arguments by name, its inputs that depend on the image, its result."""

    def __init__(self, func, args, kwargs, inputs: list, outputs: list, seen: list):
        self.name = func.overloadpacket.__name__.rstrip("_")  # relu_ works in place
        given = {argument.name: argument.default_value for argument in func._schema.arguments}
        self.given = given | dict(zip(given, args, strict=False)) | kwargs
        self.inputs, self.seen, self.output = inputs, seen, next(iter(outputs), None)
        self.elementwise = torch.Tag.pointwise in func.tags or self.name in _ELEMENTWISE
        self.label = _LABELS.get(self.name, self.name.lstrip("_"))
        self.uneven = False  # a pooling with windows of different sizes
        self.window = self._window() if outputs else None
        self.is_view = not func._schema.is_mutable and self.name != "as_strided"
        self.is_view &= bool(outputs) and _memory(outputs[0]) == _memory(inputs[0])

    def _dims(self) -> set[int]:
        """The axes that an operation works along, counted from the end."""
        dims, count = self.given.get("dim"), self.inputs[0].ndim
        dims = [dims] if isinstance(dims, int) else dims or range(count)
        return {dim % count - count for dim in dims}

    def _window(self) -> Window | None:
        given, before, after = self.given, self.inputs[0].shape[-2:], self.output.shape[-2:]
        if self.name == "convolution" and len(given["stride"]) == 2 and not given["transposed"]:
            kernel, self.label = given["weight"].shape[2:], "conv2d"
        elif self.name in ("max_pool2d_with_indices", "avg_pool2d"):
            kernel = given["kernel_size"]
        elif self.name in ("_adaptive_avg_pool2d", "adaptive_max_pool2d"):
            self.uneven = any(n % m for n, m in zip(before, after, strict=True))
            kernel = [_largest(n, m) for n, m in zip(before, after, strict=True)]
        elif self.name in _REDUCING and self._dims() >= {-1, -2} and self.inputs[0].ndim > 2:
            kernel = before
        else:
            return None
        stride, padding = given.get("stride") or kernel, given.get("padding", 0)
        return Window(kernel, stride, padding, given.get("dilation", 1))

    def rule(self) -> Sees | None:
        """What an element of the result sees of the image; None where that is not known."""
        if all(one.whole and one.each.size == one.whole.size for one in self.seen):
            return Sees(*[_union([one.whole for one in self.seen])] * 2)
        if self.elementwise:
            return self._joined()
        if len(self.seen) > 1:
            return None
        given, seen, inputs = self.given, self.seen[0], self.inputs[0]
        before, after = inputs.shape, self.output.shape
        if self.name in ("mm", "addmm") and inputs is given.get("mat1", given["self"]):
            whole = seen.vector(before).whole
            return Sees(whole, whole) if len(inputs) == 1 else None
        if self.is_view:  # still a map, if its last two axes are what they were
            planes = {(x.shape[-2:], x.stride()[-2:]) for x in (inputs, self.output)}
            if len(planes) == 1 and not seen.whole:
                return seen
            same = self.output.is_contiguous() and before.numel() == after.numel()
            return seen.vector(before) if same else None
        if seen.whole:
            return seen if self.window and self.window == Window(1, self.window.stride) else None
        if self.window:
            each = seen.each.through(self.window)
            pooled = self.uneven or self.name in _REDUCING
            return Sees(each, seen.vector(before).whole if pooled else None)
        if self.name == "constant_pad_nd" and min(given["pad"]) >= 0:
            above_and_left = [*given["pad"], 0][2::-2]
            return Sees(seen.each.through(Window(1, 1, above_and_left)))
        stays = (
            ("batch_norm" in self.name and not given.get("training"))  # by stored averages
            or (self.name in _ALONG and not self._dims() & {-1, -2})
            or (self.name == "index" and len(given["indices"]) <= len(before) - 2)  # channels
            or (self.name == "avg_pool3d" and list(given["kernel_size"][-2:]) == [1, 1])
        )
        return seen if stays and before[-2:] == after[-2:] else None

    def _joined(self) -> Sees | None:
        """A sum, a product, a concatenation: an element sees what any of its parts sees."""
        maps = {one.whole is None for one in self.seen}
        sides = {x.shape[-2:] for x in [*self.inputs, self.output]}
        jumps = {one.each.jump for one in self.seen}
        if len(maps) > 1 or len(jumps) > 1 or (len(sides) > 1 and maps == {True}):
            return None
        wholes = [one.whole for one in self.seen if one.whole]
        return Sees(_union([one.each for one in self.seen]), _union(wholes) if wholes else None)


def _largest(size: int, count: int) -> int:
    """The largest of ``count`` windows that an adaptive pooling lays over ``size`` elements."""
    return max(-(-(i + 1) * size // count) - i * size // count for i in range(count))
