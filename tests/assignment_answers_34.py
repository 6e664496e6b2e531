"""Answers to assignments A3 and A4 as students write them: right ones, and the usual wrong ones.

``RIGHT`` is {name: functions}, ``WRONG`` {name: (function, part of what has to be said)}.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cv_course.grading.answers import a3, a4

tensor = torch.as_tensor


def named(diagnoses) -> list:
    """Usual mistakes, each with the sentence that has to come."""
    return [(mistake, sentence) for mistake, sentence, _ in diagnoses]


# --- A3 ------------------------------------------------------------------------------------------


def field_from_the_top(layers):
    """Down from the last layer: how many elements of the layer below."""
    seen = 1
    for layer in reversed(layers):
        span = layer["dilation"] * (layer["kernel"] - 1) + 1
        seen = (seen - 1) * layer["stride"] + span
    return seen


def field_as_a_sum(layers):
    strides = np.cumprod([1] + [layer["stride"] for layer in layers])[:-1]
    kernels = np.array([(layer["kernel"] - 1) * layer["dilation"] for layer in layers])
    return 1 + kernels @ strides


def field_by_gradient(layers):
    """Measured: which of a long row of pixels moves one element."""
    size = 3 * field_from_the_top(layers) + 200
    pixels = torch.ones(1, 1, size, requires_grad=True, dtype=torch.float64)
    rows = pixels
    for layer in layers:
        weight = torch.ones(1, 1, layer["kernel"], dtype=torch.float64) / layer["kernel"]
        rows = F.conv1d(rows, weight, stride=layer["stride"], dilation=layer["dilation"])
    rows[0, 0, 0].backward()
    seen = pixels.grad[0, 0].nonzero()
    return int(seen.max() - seen.min()) + 1


def trace_on_meta(layers, channels, height, width):
    """Ask torch, which computes nothing on this device."""
    x, shapes = torch.empty(1, channels, height, width, device="meta"), []
    for one in layers:
        how = {name: one[name] for name in ("stride", "padding", "dilation")}
        if one["kind"] == "conv":
            weight = torch.empty(
                one["out_channels"], x.shape[1], one["kernel"], one["kernel"], device="meta"
            )
            x = F.conv2d(x, weight, **how)
        else:
            x = F.max_pool2d(x, one["kernel"], one["stride"])
        shapes.append(tuple(x.shape[1:]))
    return shapes


def trace_by_counting(layers, channels, height, width):
    rows = []
    for one in layers:
        sides = []
        for side in (height, width):
            last = side + 2 * one["padding"] - one["dilation"] * (one["kernel"] - 1)
            sides.append(len(range(0, last, one["stride"])))
        height, width = sides
        if one["kind"] == "conv":
            channels = one["out_channels"]
        rows.append([channels, height, width])
    return np.array(rows, float)


def trace_in_torch(layers, channels, height, width):
    return torch.tensor(trace_on_meta(layers, channels, height, width))


def norm_in_loops(a, k, n, alpha, beta):
    out = np.zeros(a.shape)
    for i in range(a.shape[1]):
        total = 0
        for j in range(max(0, i - n // 2), min(a.shape[1] - 1, i + n // 2) + 1):
            total = total + a[:, j].astype(float) ** 2
        out[:, i] = a[:, i] / (k + alpha * total) ** beta
    return out


def norm_by_pooling(a, k, n, alpha, beta):
    a = tensor(a)
    squares = a.square().flatten(2).transpose(1, 2)
    sums = n * F.avg_pool1d(squares, n, 1, n // 2)
    return a / (k + alpha * sums.transpose(1, 2).reshape(a.shape)) ** beta


def norm_by_matrix(a, k, n, alpha, beta):
    channels = np.arange(a.shape[1])
    band = (abs(channels[:, None] - channels) <= n // 2).astype(float)
    return a * (k + alpha * np.einsum("ij,njhw->nihw", band, a**2.0)) ** -beta


def vector_in_torch(x, mode):
    return tensor(x).flatten(1) if mode == "flatten" else tensor(x).mean((2, 3))


def vector_in_loops(x, mode):
    if mode == "flatten":
        return [[value for plane in one for row in plane for value in row] for one in x.tolist()]
    return [[sum(map(sum, plane)) / plane.size for plane in one] for one in x]


def vector_by_einsum(x, mode):
    n, c, h, w = x.shape
    return x.reshape(n, c * h * w) if mode == "flatten" else np.einsum("nchw->nc", x) / (h * w)


def layer(kernel, out_channels, stride=1, padding=None, dilation=1):
    padding = dilation * (kernel - 1) // 2 if padding is None else padding
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    return {"kind": "conv", "kernel": kernel, **how, "out_channels": out_channels}


def pooling(size, stride):
    return {"kind": "pool", "kernel": size, "stride": stride, "padding": 0, "dilation": 1}


def design(first, more, width=16):
    """Layers until the field is wide enough: ``more`` gives the n-th of them."""

    def design_layers(side, field):
        layers = list(first)
        while field_from_the_top(layers) < field and len(layers) < 40:
            layers.append(more(len(layers) - len(first)))
        return [*layers, layer(1, width)] if layers[-1]["out_channels"] != width else layers

    return design_layers


two_strides = [layer(3, 16, 2), layer(3, 16, 2)]
dilated = design(two_strides, lambda n: layer(3, 16, dilation=2 ** (n % 4)))
narrow = design([layer(3, 8, 2), layer(3, 8, 2)], lambda n: layer(3, 8))


def pooled(side, field):
    """Poolings halve the map in place of strides."""
    layers = [layer(3, 8), pooling(2, 2), layer(3, 12), pooling(2, 2)]
    return [*layers, *[layer(3, 12, dilation=d) for d in (2, 4, 5, 5)], layer(1, 16)]


def without_key(side, field):
    return [{"kind": "conv", "kernel": 3, "stride": 1}]


# --- A4: networks --------------------------------------------------------------------------------

TABLE = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"


class Call(nn.Module):
    """A function of the images with parameters in a list."""

    def __init__(self, parameters, function):
        super().__init__()
        self.numbers = nn.ParameterList([nn.Parameter(one) for one in parameters])
        self.function = function

    def forward(self, x):
        return self.function(x, *self.numbers)


class Masked(nn.Module):
    def __init__(self, mask, kernel=5, bias=None, **how):
        super().__init__()
        self.register_buffer("mask", mask[:, :, None, None].float())
        self.weight = nn.Parameter(torch.randn(*mask.shape, kernel, kernel) / 10)
        self.bias = nn.Parameter(torch.zeros(bias or (len(mask), 1, 1)))
        self.how = how

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, **self.how) + self.bias


class Separate(nn.Module):
    """One filter for each output map, over the input maps that it looks at."""

    def __init__(self, rows, bias=None, **how):
        super().__init__()
        self.rows, self.how = rows, how
        self.filters = nn.ParameterList(
            [nn.Parameter(torch.randn(1, len(row), 5, 5) / 10) for row in rows]
        )
        self.bias = nn.Parameter(torch.zeros(bias or (1, len(rows), 1, 1)))

    def forward(self, x):
        parts = [
            F.conv2d(x[:, row], one, **self.how)
            for row, one in zip(self.rows, self.filters, strict=True)
        ]
        return torch.cat(parts, 1) + self.bias


class Subsampling(nn.Module):
    def __init__(self, maps, mean=True):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(maps)), nn.Parameter(torch.zeros(maps))
        self.mean = mean

    def forward(self, x):
        x = F.avg_pool2d(x, 2) if self.mean else F.max_pool2d(x, 2)
        return x * self.a[:, None, None] + self.b[:, None, None]


class Codes(nn.Module):
    def __init__(self, sign=-1, trained=False, root=False, agree=0):
        super().__init__()
        codes = torch.randn(10, 84).sign()
        codes[:, :agree] = 1  # as where all ten of the drawn digits are white
        self.codes = nn.Parameter(codes, requires_grad=trained)
        self.sign, self.root = sign, root

    def forward(self, x):
        away = (x[:, None] - self.codes).square().sum(2)
        return self.sign * (away.sqrt() if self.root else away)


class Tanh(nn.Module):
    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


def rows_1998():
    return [[int(digit) for digit in row] for row in TABLE.split()]


def other_rows():
    """60 pairs as in Table I, but six maps are chosen otherwise."""
    rows = rows_1998()
    rows[12:15] = [0, 1, 2, 4], [1, 2, 3, 5], [0, 2, 4, 5]
    return rows


def turned_rows():
    """The same table with the maps of either side in another order: the same network."""
    return [[5 - j for j in row] for row in reversed(rows_1998())]


def mask(rows, inputs):
    return torch.tensor([[float(j in row) for j in range(inputs)] for row in rows])


def lenet_1989(h2=8, shared=False, act=Tanh, separate=False, padding=2, head=()):
    rows = [[(i + j) % 12 for j in range(h2)] for i in range(12)]
    biases = (None, None) if shared else ((12, 8, 8), (12, 4, 4))
    how = {"stride": 2, "padding": padding}
    first = Masked(torch.ones(12, 1), bias=biases[0], **how)
    if separate:
        second = Separate(rows, bias=biases[1], **how)
    else:
        second = Masked(mask(rows, 12), bias=biases[1], **how)
    return nn.Sequential(
        *(first, act(), second, act(), nn.Flatten(), nn.Linear(192, 30), act()),
        *(nn.Linear(30, 10), *head),
    )


def lenet_1998(
    full=False, sub=Subsampling, out=Codes, act=Tanh, separate=False, linear=False, rows=None
):
    rows = rows or ([list(range(6))] * 16 if full else rows_1998())
    c3 = Separate(rows) if separate else Masked(mask(rows, 6))
    c5 = [nn.Flatten(), nn.Linear(400, 120)] if linear else [nn.Conv2d(16, 120, 5), nn.Flatten()]
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), act(), sub(6), act(), c3, act(), sub(16), act()),
        *(*c5, act(), nn.Linear(120, 84), act(), out()),
    )


def lenet_modern(act=nn.ReLU, pool=nn.MaxPool2d, bias=True, head=(), conv_bias=None, stride=1):
    conv_bias = bias if conv_bias is None else conv_bias
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, stride, bias=conv_bias), act(), pool(2) if pool else act()),
        *(nn.Conv2d(6, 16, 5, stride, bias=conv_bias), act(), pool(2) if pool else act()),
        *(nn.Flatten(), nn.Linear(400, 120, bias=bias), act(), nn.Linear(120, 84, bias=bias)),
        *(act(), nn.Linear(84, 10, bias=bias), *head),
    )


def one_for_all(build):
    """Each network is made once and given to all who ask."""
    return functools.cache(build)


def lenets(**changed):
    """The three networks as a function of the variant, some of them replaced."""
    made = {"1989": lenet_1989, "1998": lenet_1998, "modern": lenet_modern}
    made |= {name.strip("_"): build for name, build in changed.items()}
    return lambda variant: made[variant]()


def lenet_in_parts(variant):
    separate = {"separate": True}
    return {
        "1989": lambda: lenet_1989(act=nn.Tanh, **separate, head=[nn.Tanh()]),
        "1998": lambda: lenet_1998(act=nn.Sigmoid, linear=True, **separate),
        "modern": lambda: lenet_modern(nn.Tanh, nn.AvgPool2d, head=[nn.Softmax(1)]),
    }[variant]()


def lenet_with_probabilities(variant):
    """Codes agree in some numbers, which softmax takes off: only rounding tells of them."""
    head = {"head": [nn.Softmax(1)]}
    return {
        "1989": lambda: lenet_1989(**head),
        "1998": lambda: lenet_1998(out=lambda: nn.Sequential(Codes(agree=5), nn.Softmax(1))),
        "modern": lambda: lenet_modern(**head),
    }[variant]()


def lenet_by_hand(variant):
    """The modern one as a function with transposed weights; others with other activations."""
    if variant != "modern":
        return lenets(
            _1989=lambda: lenet_1989(act=nn.ReLU),
            _1998=lambda: lenet_1998(act=nn.GELU, out=lambda: Codes(sign=1)),
        )(variant)
    shapes = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,)]
    shapes += [(400, 120), (120,), (120, 84), (84,), (84, 10), (10,)]

    def forward(x, w1, b1, w2, b2, w3, b3, w4, b4, w5, b5):
        x = F.max_pool2d(F.elu(F.conv2d(x, w1, b1)), 2)
        x = F.max_pool2d(F.elu(F.conv2d(x, w2, b2)), 2).flatten(1)
        return F.elu(F.elu(x @ w3 + b3) @ w4 + b4) @ w5 + b5

    return Call([torch.randn(shape) / 10 for shape in shapes], forward)


class AlexNet(nn.Module):
    """In one piece, with options for the usual mistakes."""

    def __init__(self, two_towers, relu=True, pool=nn.MaxPool2d, groups=None, lrn=False, **more):
        super().__init__()
        g = groups or ((2, 1, 2, 2) if two_towers else (1, 1, 1, 1))
        bias, shuffle, last = more.get("bias", True), more.get("shuffle"), more.get("last", ())
        act = nn.ReLU if relu else nn.Identity
        third, fourth = (nn.Identity if n in more.get("bare", ()) else act for n in (3, 4))
        norm = [nn.LocalResponseNorm(5, 5e-4, 0.75, 2)] if lrn else []
        widths = more.get("widths", (96, 256, 384, 384, 256))
        w1, w2, w3, w4, w5 = widths
        size, places = more.get("size", 3), more.get("places", 6)
        self.features = nn.Sequential(
            *(nn.Conv2d(3, w1, 11, stride=4, bias=bias), act(), *norm, pool(size, 2)),
            *(nn.Conv2d(w1, w2, 5, padding=2, groups=g[0], bias=bias), act(), *norm),
            *(pool(size, 2), nn.Conv2d(w2, w3, 3, padding=1, groups=g[1], bias=bias), third()),
            *(nn.Conv2d(w3, w4, 3, padding=1, groups=g[2], bias=bias), fourth()),
            *([nn.ChannelShuffle(2)] if shuffle else []),
            *(nn.Conv2d(w4, w5, 3, padding=1, groups=g[3], bias=bias), act(), pool(size, 2)),
            *([nn.AdaptiveAvgPool2d(places)] if places != 6 else []),
        )
        head_act = nn.ReLU if more.get("head_relu", True) else nn.Identity
        self.head = nn.Sequential(
            *(nn.Flatten(), nn.Dropout(), nn.Linear(w5 * places**2, 4096, bias=bias), head_act()),
            *(nn.Dropout(), nn.Linear(4096, 4096, bias=bias), head_act()),
            *(nn.Linear(4096, 1000, bias=bias), *last),
        )
        self.noise = more.get("noise")

    def forward(self, x):
        maps = self.features(x)
        return self.head(F.dropout(maps) if self.noise else maps)


class Towers(nn.Module):
    """Two modules a layer, declared in another order, and full layers as convolutions."""

    def __init__(self, apart=False):
        super().__init__()
        self.apart = apart  # conv3 reads its own tower twice
        self.fc8, self.fc7 = nn.Conv2d(4096, 1000, 1), nn.Conv2d(4096, 4096, 1)
        self.fc6 = nn.ModuleList([nn.Conv2d(256, 2048, 6) for _ in range(2)])
        self.conv5 = nn.ModuleList([nn.Conv2d(192, 128, 3, padding=1) for _ in range(2)])
        self.conv4 = nn.ModuleList([nn.Conv2d(192, 192, 3, padding=1) for _ in range(2)])
        self.conv3 = nn.ModuleList([nn.Conv2d(256, 192, 3, padding=1) for _ in range(2)])
        self.conv2 = nn.ModuleList([nn.Conv2d(48, 128, 5, padding=2) for _ in range(2)])
        self.conv1 = nn.ModuleList([nn.Conv2d(3, 48, 11, stride=4) for _ in range(2)])

    def forward(self, x):
        pool = functools.partial(F.max_pool2d, kernel_size=3, stride=2)
        towers = [pool(conv(x).relu()) for conv in self.conv1]
        towers = [pool(c(t).relu()) for c, t in zip(self.conv2, towers, strict=True)]
        both = torch.cat(towers, 1)
        seen = [torch.cat([t, t], 1) for t in towers] if self.apart else [both, both]
        towers = [c(t).relu() for c, t in zip(self.conv3, seen, strict=True)]
        for pair in (self.conv4, self.conv5):
            towers = [c(t).relu() for c, t in zip(pair, towers, strict=True)]
        both = torch.cat([pool(t) for t in towers], 1)
        state = torch.cat([conv(both).relu() for conv in self.fc6], 1)
        return self.fc8(self.fc7(state).relu()).flatten(1).softmax(1)


def alexnet_by_hand(two_towers):
    """A function with its parameters in a list; full weights lie the other way round."""
    parts = 2 if two_towers else 1
    convs = [(96, 3, 11), (256, 96 // parts, 5), (384, 256, 3)]
    convs += [(384, 384 // parts, 3), (256, 384 // parts, 3)]
    weights = [torch.zeros(f, c, k, k) for f, c, k in convs]
    weights += [torch.zeros(9216, 4096), torch.zeros(4096, 4096), torch.zeros(4096, 1000)]
    biases = [torch.zeros(w.shape[0] if w.ndim == 4 else w.shape[1]) for w in weights]

    def forward(x, *numbers):
        w, b = numbers[:8], numbers[8:]
        x = F.max_pool2d(F.conv2d(x, w[0], b[0], 4).clamp(min=0), 3, 2)
        x = F.max_pool2d(F.conv2d(x, w[1], b[1], 1, 2, 1, parts).clamp(min=0), 3, 2)
        x = F.conv2d(x, w[2], b[2], 1, 1).clamp(min=0)
        x = F.conv2d(x, w[3], b[3], 1, 1, 1, parts).clamp(min=0)
        x = F.max_pool2d(F.conv2d(x, w[4], b[4], 1, 1, 1, parts).clamp(min=0), 3, 2).flatten(1)
        return ((x @ w[5] + b[5]).relu() @ w[6] + b[6]).relu() @ w[7] + b[7]

    return Call([*weights, *biases], forward)


class AlwaysDropout(nn.Module):
    def forward(self, x):
        return F.dropout(x)


def vgg_like(counts=None, single="last", relu=True, pool=nn.MaxPool2d, **more):
    """VGG as a function of the configuration, with options for the usual mistakes."""
    table = {"A": "11222", "B": "22222", "C": "22333", "D": "22333", "E": "22444"}

    def build(config):
        layers, channels = [], 3
        for stage, width in enumerate((64, 128, 256, 512, 512)):
            count = int((counts or table)[config][stage])
            for number in range(count):
                place = count - 1 if single == "last" else 0
                small = config == "C" and stage >= 2 and number == place and single
                kernel = 1 if small else 3
                pad = more.get("pad", kernel // 2) if kernel == 3 else 0
                bias = more.get("bias", True)
                layers.append(nn.Conv2d(channels, width, kernel, padding=pad, bias=bias))
                layers += [nn.BatchNorm2d(width)] if more.get("norm") else []
                last = number == count - 1
                layers += [nn.ReLU()] if relu and (last or more.get("relu_each", True)) else []
                channels = width
                if stage < more.get("pool_each", 0) and not last:
                    layers.append(pool(2))
            layers.append(pool(2))
        layers += [nn.AdaptiveAvgPool2d(7)] if more.get("adaptive") else []
        dropout = AlwaysDropout if more.get("chance") else nn.Dropout
        if more.get("average"):
            return nn.Sequential(
                *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)
            )
        if more.get("conv_head"):
            return nn.Sequential(
                *(*layers, nn.Conv2d(512, 4096, 7), nn.ReLU(), nn.Conv2d(4096, 4096, 1)),
                *(nn.ReLU(), nn.Conv2d(4096, 1000, 1), nn.Flatten(), nn.LogSoftmax(1)),
            )
        inner = [nn.ReLU()] if more.get("head_relu", True) else []
        return nn.Sequential(
            *(*layers, nn.Flatten(), nn.Linear(25088, 4096), *inner, dropout()),
            *(nn.Linear(4096, 4096), *inner, nn.Linear(4096, 1000)),
        )

    return build


def vgg_by_hand(config):
    convs = [m for m in vgg_like()(config) if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    weights = [m.weight.detach() for m in convs if isinstance(m, nn.Conv2d)]
    weights += [torch.zeros(25088, 4096), torch.zeros(4096, 4096), torch.zeros(4096, 1000)]
    biases = [torch.zeros(w.shape[0] if w.ndim == 4 else w.shape[1]) for w in weights]
    kinds = [isinstance(m, nn.Conv2d) for m in convs]

    def forward(x, *numbers):
        w, b = (iter(part) for part in (numbers[: len(weights)], numbers[len(weights) :]))
        for is_conv in kinds:
            if is_conv:
                weight = next(w)
                x = F.conv2d(x, weight, next(b), padding=weight.shape[-1] // 2).relu()
            else:
                x = F.max_pool2d(x, 2)
        x = x.flatten(1)
        for last in (False, False, True):
            x = x @ next(w) + next(b)
            x = x if last else x.relu()
        return x

    return Call([*weights, *biases], forward)


# --- A4: training --------------------------------------------------------------------------------


def cnn():
    return nn.Sequential(
        *(nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(24 * 49, 10)),
    )


def normed():
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()),
        *(nn.Dropout(0.2), nn.Linear(8 * 144, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def classifier(build=cnn, epochs=3, lr=4e-3, seeded=True, evaluated=True, out=lambda z: z):
    def fit(images, labels, seed):
        if seeded:
            torch.manual_seed(seed)
        x, y, net = tensor(images).float() / 255, tensor(labels), build()
        optimizer = torch.optim.Adam(net.parameters(), lr)
        for _ in range(epochs):
            for batch in torch.randperm(len(x)).split(64):
                loss = F.cross_entropy(net(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        net.train(not evaluated)

        def predict(images):
            with torch.no_grad():
                return out(net(tensor(images).float() / 255))

        return predict

    return fit


def one_network(images, labels, seed, net=cnn()):  # noqa: B008
    """Begins anew at each call, but always with the same module."""
    torch.manual_seed(seed)
    for part in net:
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return classifier(lambda: net, seeded=False)(images, labels, seed)


def by_sklearn(images, labels, seed):
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(60, random_state=seed).fit(
        images.reshape(len(images), -1), labels
    )
    return lambda images: forest.predict_proba(images.reshape(len(images), -1))


def same_for_all(images, labels, seed):
    return lambda images: np.tile(np.eye(10)[np.bincount(labels).argmax()], (len(images), 1))


def guesses(images, labels, seed):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(784, 10))
    return lambda images: images.reshape(len(images), -1) @ table


def small(first=8, second=16, side=4, norm=nn.BatchNorm2d, act=nn.ReLU, head=()):
    """A small network for 4,000 numbers; for fewer, 6 and 12 filters on 3 x 3 positions."""

    def small_network(most):
        a, b, places = (first, second, side) if most >= 4000 else (6, 12, 3)
        return nn.Sequential(
            *(nn.Conv2d(1, a, 3, padding=1), norm(a), act(), nn.MaxPool2d(2)),
            *(nn.Conv2d(a, b, 3, padding=1), norm(b), act(), nn.MaxPool2d(2)),
            *(nn.AdaptiveMaxPool2d(places), nn.Flatten(), nn.Linear(b * places**2, 10), *head),
        )

    return small_network


def strided(most):
    a, b, side = (7, 16, 4) if most >= 4000 else (6, 10, 3)
    return nn.Sequential(
        *(nn.Conv2d(1, a, 5, stride=2, padding=2), nn.BatchNorm2d(a), nn.ReLU()),
        *(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(b * side**2, 10)),
    )


def linear_on(side, outputs=10):
    return lambda most: nn.Sequential(
        nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(side * side, outputs)
    )


def changed_after(build, change):
    """A network to which something was done before it is trained."""

    def small_network(most):
        net = build(most)
        for parameter in net.parameters():
            change(parameter)
        return net

    return small_network


def block(inputs, outputs, kernel, stride=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class ThreeHeads(nn.Module):
    def __init__(self, decode="shuffle"):
        super().__init__()
        self.fine, self.middle = block(1, 12, 5, 2), block(12, 32, 3)
        self.coarse = nn.Sequential(block(32, 48, 3), block(48, 48, 3))
        self.scores, self.box = nn.Linear(48, 10), nn.Linear(48 * 64, 4)
        self.decode = decode
        if decode == "shuffle":
            self.enlarge = nn.Sequential(nn.Conv2d(48, 128, 1), nn.PixelShuffle(4))
        else:
            self.enlarge = nn.Sequential(nn.Conv2d(48, 8, 1), nn.Upsample(scale_factor=4))
        self.mask = nn.Sequential(block(20, 8, 3), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        fine = self.fine(x)
        coarse = self.coarse(F.max_pool2d(self.middle(F.max_pool2d(fine, 2)), 2))
        inside = self.mask(torch.cat([fine, self.enlarge(coarse)], 1))
        inside = F.interpolate(inside, scale_factor=2, mode="bilinear")[:, 0]
        return self.scores(coarse.amax((2, 3))), self.box(coarse.flatten(1)), inside


def three_heads(net=ThreeHeads, epochs=5, change=lambda s, b, m: (s, b, m)):
    def fit(images, labels, boxes, masks, seed):
        torch.manual_seed(seed)
        x, y, box, inside = map(tensor, (images, labels, boxes, masks))
        model, steps = net(), epochs * -(-len(x) // 32)
        optimizer = torch.optim.Adam(model.parameters())
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
        for _ in range(epochs):
            for i in torch.randperm(len(x)).split(32):
                scores, corners, logits = model(x[i].float() / 255)
                loss = F.cross_entropy(scores, y[i]) + 10 * F.l1_loss(corners, box[i] / 64)
                loss = loss + 8 * F.binary_cross_entropy_with_logits(logits, inside[i].float())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        model.eval()

        def predict(images):
            with torch.no_grad():
                scores, corners, logits = model(tensor(images).float() / 255)
            return change(scores, corners * 64, logits)

        return predict

    return fit


def constant(scores=None, box=(14, 14, 50, 50), mask=0.2):
    """The same for every scene: means of what was seen."""

    def fit(images, labels, boxes, masks, seed):
        middle = boxes.mean(axis=0) if box is None else np.array(box, float)
        inside = masks.mean(axis=0) > mask

        def predict(images):
            n = len(images)
            return (
                np.tile(np.eye(10)[3], (n, 1)),
                np.tile(middle, (n, 1)),
                np.tile(inside, (n, 1, 1)),
            )

        return predict

    return fit


# --- A4: boxes -----------------------------------------------------------------------------------


def iou_in_loops(a, b):
    found = []
    for x1, y1, x2, y2 in a.tolist():
        row = []
        for u1, v1, u2, v2 in b.tolist():
            wide, high = min(x2, u2) - max(x1, u1), min(y2, v2) - max(y1, v1)
            both = wide * high if wide > 0 and high > 0 else 0
            union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - both
            row.append(both / union if union else 0)
        found.append(row)
    return found


def iou_in_torch(a, b):
    a, b = tensor(a).double(), tensor(b).double()
    low, high = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
    both = (high - low).clamp(min=0).prod(2)
    areas = [(box[:, 2:] - box[:, :2]).prod(1) for box in (a, b)]
    return (both / (areas[0][:, None] + areas[1] - both)).nan_to_num(0)


def iou_by_axes(a, b):
    def shared(axis):
        ends = np.minimum.outer(a[:, axis + 2], b[:, axis + 2])
        return np.clip(ends - np.maximum.outer(a[:, axis], b[:, axis]), 0, None)

    both = shared(0) * shared(1)
    union = np.add.outer(*((o[:, 2] - o[:, 0]) * (o[:, 3] - o[:, 1]) for o in (a, b))) - both
    return np.divide(both, union, out=np.zeros(both.shape), where=union > 0)


no_act = nn.Identity
RIGHT = {
    "receptive_field": [field_from_the_top, field_as_a_sum, field_by_gradient],
    "trace": [trace_on_meta, trace_by_counting, trace_in_torch],
    "local_response_norm": [norm_in_loops, norm_by_pooling, norm_by_matrix],
    "vectorise": [vector_in_torch, vector_in_loops, vector_by_einsum],
    "design_layers": [dilated, narrow, pooled],
    "lenet": [
        *(lenets(), lenet_in_parts, lenet_by_hand, lenet_with_probabilities),
        lenets(_1998=lambda: lenet_1998(rows=turned_rows(), separate=True)),
    ],
    "alexnet": [
        AlexNet,
        lambda two_towers: Towers() if two_towers else AlexNet(False, lrn=True),
        lambda two_towers: AlexNet(two_towers, lrn=two_towers),
        alexnet_by_hand,
    ],
    "vgg": [vgg_like(), vgg_like(conv_head=True), vgg_by_hand],
    "small_network": [small(), small(norm=lambda _: nn.Identity()), strided],
    "fit_classifier": [
        classifier(),
        classifier(normed, epochs=6, lr=2e-3, out=lambda z: z.softmax(1).double().tolist()),
        by_sklearn,
    ],
    "box_iou": [iou_in_loops, iou_in_torch, iou_by_axes],
    "fit_multi_head": [
        three_heads(),
        three_heads(lambda: ThreeHeads("upsample"), 6),
        three_heads(change=lambda s, b, m: (s.softmax(1).numpy(), b.numpy(), m.numpy() > 0)),
    ],
}

AVERAGED, MIXED = "61,100,840", "The towers mix where they should stay apart"
WRONG = {
    "receptive_field": named(a3.DIAGNOSES["receptive_field"]),
    "trace": named(a3.DIAGNOSES["trace"]),
    "local_response_norm": [
        *named(a3.DIAGNOSES["local_response_norm"]),
        (
            lambda a, k, n, alpha, beta: nn.LocalResponseNorm(n, alpha, beta, k)(tensor(a)),
            "divided by n",
        ),
    ],
    "vectorise": named(a3.DIAGNOSES["vectorise"]),
    "design_layers": [
        (design(two_strides, lambda n: layer(3, 16)), "weights; at most 12,000 are allowed"),
        (lambda side, field: [layer(field, 16, 4)], "weights; at most 12,000 are allowed"),
        (design([layer(3, 16)], lambda n: layer(3, 16, dilation=2**n)), "multiply-accumulates; at"),
        (design([*two_strides, layer(3, 16, 2)], lambda n: layer(3, 16)), "rows; at least"),
        (design(two_strides, lambda n: layer(3, 16, padding=0, dilation=2)), "rows; at least"),
        (lambda side, field: two_strides, "pixels; at least"),
        (
            design(two_strides, lambda n: layer(3, 8, dilation=2**n), width=8),
            "8 channels; at least",
        ),
        (lambda side, field: [pooling(2, 2), pooling(field // 4, 1)], "3 channels; at least"),
        (lambda side, field: [layer(7, 16, 2.5)], "whole numbers"),
        (lambda side, field: [layer(3, 16, 8, padding=0)] * 9, "too small"),
        (lambda side, field: 3, "a list of dictionaries"),
        (without_key, "is missing"),
    ],
    "lenet": [
        (lenets(_1989=lambda: lenet_1989(12, shared=True)), "and the biases are shared"),
        (lenets(_1989=lambda: lenet_1989(12)), "H2 looks at all 12 maps"),
        (lenets(_1989=lambda: lenet_1989(shared=True)), "every unit had its own"),
        (lenets(_1989=lambda: lenet_1989(act=no_act)), "no activation"),
        (lenets(_1998=lambda: lenet_1998(full=True)), "C3 looks at all maps"),
        (lenets(_1998=lambda: lenet_1998(out=lambda: Codes(trained=True))), "codes of the RBF"),
        (
            lenets(_1998=lambda: lenet_1998(sub=lambda _: nn.AvgPool2d(2))),
            "S2 and S4 have no parameters",
        ),
        (lenets(_1998=lambda: lenet_1998(out=lambda: nn.Linear(84, 10))), "ordinary trained layer"),
        (lenets(_1998=lambda: lenet_1998(sub=lambda n: Subsampling(n, mean=False))), "no maximum"),
        (lenets(_1998=lambda: lenet_1998(act=no_act)), "no activation"),
        (lenets(_1998=lambda: lenet_1998(rows=other_rows())), "map 12 looks at 0124"),
        (
            lenets(_1998=lambda: lenet_1998(rows=other_rows(), separate=True)),
            "not those of Table I",
        ),
        (lenets(_1998=lenet_modern), "hat is the modern form"),
        (lenets(modern=lambda: lenet_modern(head=[nn.Softmax(0)])), "over the batch"),
        (lenets(modern=lambda: lenet_modern(conv_bias=False)), "The convolutions have no biases"),
        (one_for_all(lenets()), "parameters of its own"),
        (lenets(modern=lambda: lenet_modern(bias=False)), "here are no biases"),
        (lenets(modern=lambda: lenet_modern(pool=None, stride=2)), "should depend on rows"),
        (lenets(modern=lambda: lenet_modern(act=no_act)), "no activation"),
        (lenets(modern=lenet_1998), "hat is LeNet-5 of 1998"),
        (lambda variant: lenet_modern(), "shape"),
    ],
    "alexnet": [
        (lambda two: AlexNet(two, groups=(1, 1, 2, 2)), "he towers meet in conv2"),
        (lambda two: AlexNet(two, groups=(2, 1, 1, 2)), "he towers meet in conv4"),
        (lambda two: AlexNet(two, groups=(2, 1, 2, 1)), "he towers meet in conv5"),
        (lambda two: AlexNet(two, groups=(2, 2, 2, 2)), "both are to meet there"),
        (lambda two: AlexNet(False), "hat is the network of a single stream"),
        (lambda two: AlexNet(True), "hat is the network with two towers"),
        (lambda two: AlexNet(two, shuffle=two), MIXED),
        (
            lambda two: AlexNet(two, groups=(1,) * 4, widths=(64, 192, 384, 256, 256)),
            "the later version",
        ),
        (lambda two: AlexNet(two, places=5), "6,400"),
        (lambda two: AlexNet(two, places=1), "256 numbers"),
        (lambda two: AlexNet(two, bias=False), "here are no biases"),
        (lambda two: AlexNet(two, relu=False), "he ReLUs after the convolutions are missing"),
        (lambda two: AlexNet(two, head_relu=False), "he ReLUs between the fully connected"),
        (lambda two: AlexNet(two, pool=nn.AvgPool2d), "he poolings take the mean"),
        (lambda two: AlexNet(two, last=[nn.ReLU()]), " ReLU follows the last layer"),
        (lambda two: AlexNet(two, size=2), "he poolings are 2 x 2"),
        (lambda two: AlexNet(two, noise=True), "nothing may be left to chance"),
        (lambda two: AlexNet(two, bare=(3, 4)), "he ReLUs after conv3 and conv4 are missing"),
        (lambda two: Towers(apart=True) if two else AlexNet(two), "never meet before fc6"),
    ],
    "vgg": [
        (vgg_like(single=None), "hat is configuration D"),
        (vgg_like(single="first"), "stands at the end of a stage"),
        (vgg_like(bias=False), "he convolutions have no biases"),
        (vgg_like(average=True), "an average over positions"),
        (vgg_like(norm=True), "batch normalisation"),
        (vgg_like(pad=0), "stopped with RuntimeError"),
        (vgg_like(pool_each=5), "stopped with RuntimeError"),
        (vgg_like(head_relu=False), "he ReLUs between the fully connected"),
        (vgg_like(relu=False), "he ReLUs after the convolutions are missing"),
        (vgg_like(pool=nn.AvgPool2d), "he poolings take the mean"),
        (vgg_like(pad=0, adaptive=True), "no padding, so the maps shrink"),
        (vgg_like(relu_each=False), " ReLU is missing after some convolutions"),
        (vgg_like(pool_each=2, adaptive=True), "more than five poolings"),
        (vgg_like(chance=True), "nothing may be left to chance"),
    ],
    "small_network": [
        (linear_on(28), "holds 7,850 numbers; at most 4,000 are allowed"),
        (small(16, 32), "numbers; at most 4,000 are allowed"),
        (lambda most: linear_on(19 if most >= 4000 else 14)(most), "are classified right with"),
        (linear_on(5), "Half of the budget is unused"),
        (linear_on(10, outputs=9), "Expected scores of shape"),
        (changed_after(small(), lambda one: one.requires_grad_(False)), "nothing to train in it"),
        (changed_after(small(), lambda one: one.data.zero_()), "All images get the same scores"),
        (small(act=lambda: nn.Threshold(9, 0)), "All images get the same scores"),
        (small(head=[nn.Softmax(0)]), "is there a softmax"),
    ],
    "fit_classifier": [
        (same_for_all, "That is what guessing gives"),
        (guesses, "hidden images are classified right; at least"),
        (classifier(seeded=False), "the same seed gave another classifier"),
        (classifier(normed, evaluated=False), "asked again"),
        (one_network, "both share one network"),
        (lambda *a: lambda images: np.zeros((len(images), 9)), "Expected scores of shape"),
        (lambda *a: lambda images: images[:, 0, 0, :10].argmax(1), "Expected scores of shape"),
        (lambda *a: lambda images: np.full((len(images), 10), np.nan), "NaN"),
        (lambda *a: np.zeros(3), "a function predict(images)"),
    ],
    "box_iou": named(a4.DIAGNOSES["box_iou"]),
    "fit_multi_head": [
        (constant(), "The box is the same for all scenes"),
        (constant(box=None, mask=0.1), "The box is the same for all scenes"),
        (constant(mask=2), "All masks are empty"),
        (three_heads(epochs=1, change=lambda s, b, m: (s, b / 64, m)), "The boxes are fractions"),
        (three_heads(epochs=1, change=lambda s, b, m: (s, b, m.sigmoid())), "return them as > 0.5"),
        (three_heads(epochs=1, change=lambda s, b, m: (s, b, m.flatten(1))), "masks of shape"),
        (three_heads(epochs=1, change=lambda s, b, m: (s, b)), "three things"),
        (three_heads(epochs=1, change=lambda s, b, m: (s, b[:, [1, 0, 3, 2]], m)), "boxes' mean"),
    ],
}
