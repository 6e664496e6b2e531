"""layers.trace against PyTorch's own counts, against papers, and against what it cannot know."""

import warnings

import pytest
import torch
import torchvision
from dependence import box, sees_exactly
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from cv_course import layers

OF_ALL = torchvision.models.list_models(module=torchvision.models)
FEW = ["alexnet", "googlenet", "densenet121", "vit_b_16", "swin_t", "regnet_y_400mf"]


def on_meta(module, name, parameter):
    return nn.Parameter(parameter.to("meta"), parameter.requires_grad)


def network(name: str, **options) -> nn.Module:
    """A network of torchvision's, with shapes but without numbers."""
    if name in ("googlenet", "inception_v3"):
        options |= {"init_weights": False}
    hook = nn.modules.module.register_module_parameter_registration_hook(on_meta)
    with hook:
        return torchvision.models.get_model(name, weights=None, **options)


def flops(model: nn.Module, size) -> int:
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)  # whose products are not counted
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, *size).to(next(model.parameters(), torch.empty(0))))
    return counter.get_total_flops()


@pytest.mark.filterwarnings("ignore:layers.trace has no rule")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in FEW)) for n in OF_ALL]
)
def test_parameters_and_macs_are_the_librarys(name):
    published = torchvision.models.get_model_weights(name).DEFAULT
    options = {"image_size": 518} if name == "vit_h_14" else {}
    model, size = network(name, **options), (3, *published.transforms().crop_size * 2)
    trace = layers.trace(model.to("meta"), size)
    unused = {"googlenet": 6_379_984, "inception_v3": 3_326_696}.get(name, 0)  # while learning
    counted = published.meta["num_params"] + unused * (name == "googlenet")  # published without
    assert trace.parameters + trace.unused == layers.count_parameters(model) == counted
    assert trace.unused == unused
    # the bias of its positions is computed from weights alone
    aside = {"swin_v2_t": 0.019e9, "swin_v2_s": 0.038e9, "swin_v2_b": 0.05e9}.get(name, 0)
    assert trace.macs == pytest.approx(flops(model, size) / 2 - aside, abs=aside / 10)


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_receptive_field_is_that_of_the_real_network(name):
    """Along one direction at a time: on tall images the vertical, on wide ones the horizontal."""
    model = network(name).to("meta")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small = layers.trace(model, (3, 224, 224))
    names = [row.name for row in small]
    once = {name for name, _ in model.named_modules() if names.count(name) == 1}
    # the window of the last pooling changes with the image
    row = [r for r in small if r.jump and r.name in once - {"avgpool"}][-1]
    long = row.receptive_field[0] + 4 * row.jump[0] + 64
    for axis, size in enumerate(((3, long, 64), (3, 64, long))):
        there = layers.trace(model, size)[row.name]
        assert there.receptive_field == row.receptive_field
        unit = tuple(n // 2 for n in there.output_shape[1:])
        assert sees_exactly(model, size, row.name, unit, box(there, unit), axes=[axis])


def slim_resnet50() -> nn.Module:
    """Strides as in TensorFlow-Slim, which Araujo et al. measured: in the last block of a stage."""
    model = network("resnet50")
    for stage in (model.layer2, model.layer3, model.layer4):
        stage[0].conv2.stride = stage[0].downsample[0].stride = (1, 1)
    for stage in (model.layer1, model.layer2, model.layer3):
        stage[-1].conv2.stride = (2, 2)
        stage[-1].downsample = nn.MaxPool2d(1, 2)
    return model


@pytest.mark.parametrize(
    ("build", "side"), [(lambda: network("resnet50"), 427), (slim_resnet50, 483)]
)
def test_resnet50_depends_on_where_its_strides_are(build, side):
    """Araujo et al. 2019, table: 483. torchvision strides the first 3 x 3 of a stage instead."""
    model, name = build().to("meta"), "layer4.2.conv3"
    row = layers.trace(model, (3, 224, 224))[name]
    assert (row.receptive_field, row.jump) == ((side, side), (32, 32))


def test_where_branches_meet_the_largest_wins_and_it_is_said():
    trace = layers.trace(network("resnet18").to("meta"), (3, 224, 224))
    row = trace["layer1.0.add"]
    assert row.kind == "add"
    assert set(row.branches) == {(11, 11), (27, 27)}
    assert row.receptive_field == (27, 27)
    assert "branches meet" in str(trace)


def test_one_row_in_full():
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(4, 6, (3, 5), (2, 1), (1, 2), (1, 2), groups=2))
    (row,) = layers.trace(model, (4, 20, 30))
    assert (row.name, row.kind, row.groups) == ("conv", "Conv2d", 2)
    assert (row.kernel, row.stride, row.padding, row.dilation) == ((3, 5), (2, 1), (1, 2), (1, 2))
    assert (row.input_shape, row.output_shape) == ((4, 20, 30), (6, 10, 26))
    assert (row.parameters, row.macs) == (6 * 2 * 15 + 6, 6 * 10 * 26 * 2 * 15)
    assert (row.receptive_field, row.jump, row.start) == ((3, 9), (2, 1), (-1, -2))


def test_functions_are_seen_and_shared_weights_count_once():
    conv, weight = nn.Conv2d(1, 1, 3, padding=1), torch.ones(4, 4, 3, 3)
    trace = layers.trace(nn.Sequential(conv, nn.ReLU(), conv), (1, 8, 8))
    assert [row.parameters for row in trace] == [10, 0, 0]
    assert trace.macs == 2 * 64 * 9
    assert trace[-1].receptive_field == (5, 5)
    trace = layers.trace(Around(lambda x: F.avg_pool2d(F.conv2d(x, weight), 2)), (3, 20, 20))
    assert trace["conv2d"].macs == 16 * 16 * 4 * 4 * 9
    assert (trace["avg_pool2d"].kernel, trace["avg_pool2d"].output_shape) == ((2, 2), (4, 8, 8))
    assert trace["avg_pool2d"].receptive_field == (6, 6)


class Around(nn.Module):
    def __init__(self, middle):
        super().__init__()
        self.before, self.middle, self.after = nn.Conv2d(3, 4, 3), middle, nn.Conv2d(4, 4, 3)

    def forward(self, images):
        return self.after(self.middle(self.before(images)))


def written_into(x):
    larger = x.new_zeros(x.shape)
    larger[:, 1:] = x[:, 1:]
    return larger


def partly_added(x):
    pooled = F.max_pool2d(x, 3, 1, 1)
    x[:, :2] += pooled[:, :2]
    return x


def with_a_constant_channel(x):
    x[:, 0] = 0
    return x


UNKNOWN = {  # what it is -> (function on a 4 x 18 x 18 map, the word in the warning)
    "group norm": (nn.GroupNorm(2, 4), "group_norm"),
    "statistics of the image": (nn.BatchNorm2d(4, track_running_stats=False), "batch_norm"),
    "instance norm": (nn.InstanceNorm2d(4), "batch_norm"),
    "transposed": (nn.ConvTranspose2d(4, 4, 2, 2), "convolution in ConvTranspose2d middle;"),
    "upsampling": (nn.Upsample(scale_factor=2), "upsample"),
    "reflected": (nn.ReflectionPad2d(1), "reflection"),
    "squeeze and excite": (lambda x: x * x.mean((2, 3), keepdim=True), "mul"),
    "cut": (lambda x: x[:, :, 2:], "slice"),
    "side by side": (lambda x: torch.cat([x, x], 3), "cat"),
    "transposed axes": (lambda x: x.transpose(2, 3), "transpose"),
    "other axes, same shape": (lambda x: x.flatten(2).mT.reshape(1, 4, 18, 18), "transpose"),
    "rolled": (lambda x: x.roll(1, 3), "roll"),
    "flipped": (lambda x: x.flip(3), "flip"),
    "attention": (lambda x: x @ x.mT.softmax(-1), "transpose"),
    "written into a part": (written_into, "copy in Around;"),
    "changed in part": (partly_added, "add"),
    "a number in Python": (lambda x: x * x.amax().item(), r"\.item"),
    "repeated": (lambda x: x.repeat(1, 1, 2, 2), "repeat"),
    "two steps": (lambda x: F.max_pool2d(x, 1, 2) + F.max_pool2d(x, 10, 1), "add"),
    "softmax of a row": (nn.Softmax(3), "softmax in Softmax middle;"),
    "linear in a picture": (nn.Linear(18, 18), "linear in Linear middle;"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_unknown_operations_are_named_and_nothing_wrong_is_said(what):
    function, word = UNKNOWN[what]
    model = Around(function)
    with pytest.warns(UserWarning, match=word):
        trace = layers.trace(model, (3, 20, 20))
    assert trace["before"].receptive_field == (3, 3)
    assert trace["after"].receptive_field is None
    assert (trace["after"].jump, trace["after"].kernel) == (None, (3, 3))
    assert trace["after"].macs > 0
    assert "not known" in str(trace)


KNOWN = {  # what it is -> (function on a 4 x 18 x 18 map, receptive field behind the last conv)
    "relu": (F.relu, 5),
    "added constant": (lambda x: x + 1, 5),
    "in place": (lambda x: F.relu(x, inplace=True), 5),
    "residual in place": (lambda x: F.max_pool2d(x, 3, 1, 1).add_(x), 7),
    "channels picked": (lambda x: x[:, [3, 2, 1, 0]], 5),
    "channels shuffled": (nn.ChannelShuffle(2), 5),
    "channels halved": (lambda x: torch.cat(x.chunk(2, 1)[::-1], 1), 5),
    "norm over channels": (nn.LocalResponseNorm(5), 5),
    "softmax over channels": (nn.Softmax(1), 5),
    "maximum over channels": (lambda x: x.amax(1, keepdim=True) * x, 5),
    "dropout": (nn.Dropout(0.5), 5),
    "p-norm pooling": (nn.LPPool2d(2, 2), 8),
    "parametric": (nn.PReLU(4), 5),
    "padded": (lambda x: F.pad(x, (3, 0, 2, 1)), 5),
    "padded as TensorFlow does": (lambda x: F.max_pool2d(F.pad(x, (0, 1, 1, 2)), 3, 2), 3 + 2 + 4),
    "same": (nn.Conv2d(4, 4, (3, 3), padding="same", dilation=2), 9),
    "max pool rounded up": (nn.MaxPool2d(5, 3, ceil_mode=True), 3 + 4 + 6),
    "dilated max pool": (nn.MaxPool2d(3, 2, dilation=3), 3 + 6 + 4),
    "adaptive": (nn.AdaptiveMaxPool2d(9), 4 + 4),
    "batch norm": (nn.BatchNorm2d(4), 5),
    "constant channel": (with_a_constant_channel, 5),
    "other zeros": (lambda x: x + torch.zeros_like(x), 5),
}


ACTIVATIONS = "ReLU6 Hardtanh LeakyReLU ELU CELU SELU GELU SiLU Mish Softplus Softshrink Hardshrink"
ACTIVATIONS += " Tanhshrink Hardsigmoid Hardswish LogSigmoid Sigmoid Tanh Softsign ReLU RReLU"
KNOWN |= {name: (getattr(nn, name)(), 5) for name in ACTIVATIONS.split()}


@pytest.mark.parametrize("what", KNOWN)
def test_usual_operations_are_known(what):
    function, side = KNOWN[what]
    model = Around(function)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="layers.trace")
        trace = layers.trace(model, (3, 20, 20))
    row = trace["after"]
    assert row.receptive_field == (side, side)
    unit = tuple(n // 2 for n in row.output_shape[1:])
    assert sees_exactly(model, (3, 20, 20), "after", unit, box(row, unit))


def test_uneven_adaptive_pooling_names_its_largest_window_and_no_jump():
    model = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(9, 2))
    trace = layers.trace(model, (1, 10, 10))
    assert trace[0].receptive_field == (4, 4)
    assert (trace[0].jump, trace[0].kernel) == (None, None)
    assert trace[2].receptive_field == (10, 10)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(3), nn.Conv2d(1, 1, 2))
    with pytest.warns(UserWarning, match="conv2d in Conv2d 1"):
        assert layers.trace(model, (1, 10, 10))[1].receptive_field is None


def test_a_part_of_a_list_is_not_taken_for_the_whole():
    class Part(nn.Sequential):
        def forward(self, images):
            return self[1](self[0](images).flatten(1)[:, :8])

    with pytest.warns(UserWarning, match="slice"):
        trace = layers.trace(Part(nn.Conv2d(1, 1, 3), nn.Linear(8, 2)), (1, 8, 8))
    assert trace[-1].receptive_field is None


# --- parameters ---------------------------------------------------------------------------------


class Uses(nn.Module):
    """A map of 4 x 6 x 6 to another, by a function of some parts and the map."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def attend(m, x):
    positions = x.flatten(2).mT
    return m.part(positions, positions, positions)[0].mT.reshape(x.shape)


def count_calls(m, x):
    m.calls += 1  # a buffer, also where nothing is learned
    return x + torch.rand(4, 6, 6)  # and numbers that the meta device does not have


def conv():
    return nn.Conv2d(4, 4, 3, padding=1)


def scale():
    return nn.Parameter(torch.ones(4, 1, 1))


PARTS = {
    "module": conv,
    "batch norm": lambda: nn.BatchNorm2d(4),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "transposed": lambda: nn.ConvTranspose2d(4, 4, 3, padding=1),
    "frozen": lambda: conv().requires_grad_(False),
    "lazy": lambda: nn.LazyConv2d(4, 3, padding=1),
    "lazy norm": nn.LazyBatchNorm2d,
    "weights as a function's": lambda: Uses(
        lambda m, x: F.conv2d(x, 2 * m.part.weight, m.part.bias, padding=1), part=conv()
    ),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(conv()),
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(conv()),
    "attention": lambda: Uses(attend, part=nn.MultiheadAttention(4, 2, batch_first=True)),
    "einsum": lambda: Uses(
        lambda m, x: torch.einsum("nchw,cd->ndhw", x, m.part), part=nn.Parameter(torch.eye(4))
    ),
    "a factor": lambda: Uses(lambda m, x: x * m.part, part=scale()),
    "a list": lambda: Uses(
        lambda m, x: sum(x * p for p in m.part), part=nn.ParameterList([scale(), scale()])
    ),
    "tied": lambda: Uses(
        lambda m, x: F.conv2d(m.part(x), m.part.weight, padding=1), part=conv(), other=TIED
    ),
    "not used": lambda: Uses(lambda m, x: x, part=nn.Linear(3, 3)),
    "counts its calls": lambda: Uses(count_calls, calls=nn.Buffer(torch.zeros(1))),
}
TIED = conv()  # the same parameters, wherever it stands
PARTS["shared"] = lambda: TIED


@pytest.mark.filterwarnings("ignore:layers.trace has no rule")
@settings(max_examples=15, deadline=None, derandomize=True)
@example(["shared", "module", "shared"], False)
@given(st.lists(st.sampled_from([*PARTS]), min_size=1, max_size=6), st.booleans())
def test_what_takes_part_is_what_a_gradient_reaches_and_nothing_changes(names, double):
    model = nn.Sequential(*[PARTS[name]() for name in names])
    model.to(torch.float64 if double else torch.float32)
    lazy = [module for module in model if isinstance(module, nn.modules.lazy.LazyModuleMixin)]
    model[0].eval()
    state = model.state_dict().items()
    content = {name: t.clone() for name, t in state if not nn.parameter.is_lazy(t)}
    modes = [module.training for module in model.modules()]
    random = torch.get_rng_state()
    trace = layers.trace(model, (4, 6, 6))
    assert torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in model.modules()] == modes
    state = model.state_dict()
    assert all(torch.equal(state[name], before) for name, before in content.items())
    assert all(nn.parameter.is_lazy(module.weight) for module in lazy)

    image = torch.rand(1, 4, 6, 6).to(next(model.parameters(), torch.empty(0)))
    model.eval()(image)  # now it is not lazy any more
    for parameter in model.parameters():
        parameter.requires_grad_().grad = None
    model(image.requires_grad_()).sum().backward()
    reached = sum(p.numel() for p in model.parameters() if p.grad is not None)
    assert trace.parameters == reached
    assert trace.unused == layers.count_parameters(model) - reached
    assert trace.macs == flops(model, (4, 6, 6)) / 2


def test_rows_can_be_picked_and_printed():
    trace = layers.trace(network("alexnet").to("meta"), (3, 224, 224))
    some = trace.only("Conv2d", "Linear")
    assert len(some) == 8
    assert some.parameters == 61_100_840
    assert some[:2].macs == 70_276_800 + 223_948_800
    assert trace["features.12"].output_shape == (256, 6, 6)
    with pytest.raises(KeyError, match=r"features\.12"):
        trace["features.13"]
    _, first, *_, last = str(some).splitlines()
    expected = ["features.0", "Conv2d", "11", "4", "2", "64×55×55", "23,296"]
    assert first.split()[:7] == expected
    assert "61,100,840 parameters" in last


@pytest.mark.parametrize("size", [(224, 224), (1, 3, 224, 224), (3, 0, 224), (3.0, 8, 8)])
def test_wrong_sizes_are_explained(size):
    with pytest.raises(ValueError, match="channels, height, width"):
        layers.trace(nn.Conv2d(3, 1, 1), size)


def test_what_the_model_cannot_take_is_explained():
    def height(m, x):
        assert x.shape[2] == 6, "Wrong height"
        return x

    for model, says in ((nn.Conv2d(1, 1, 1), "channels"), (Uses(height), "Wrong height")):
        with pytest.raises(ValueError, match=rf"cannot take an image of \(3, 8, 8\).*{says}"):
            layers.trace(model, (3, 8, 8))
    trace = layers.trace(PARTS["not used"](), (4, 6, 6))
    assert "12 more parameters" in str(trace)
