"""Right answers to assignments A3 and A4, as students write them.

The usual wrong ones are edits of these: ``wrong_answers.toml``.
"""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

tensor = torch.as_tensor


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


def layers_dilated(side, field):
    layers, dilation = [layer(3, 16, 2), layer(3, 16, 2)], 1
    while field_from_the_top(layers) < field:
        layers.append(layer(3, 16, dilation=dilation))
        dilation = min(2 * dilation, 8)
    return layers


def layers_narrow(side, field):
    layers = [layer(3, 8, 2), layer(3, 8, 2)]
    while field_from_the_top(layers) < field:
        layers.append(layer(3, 8))
    return [*layers, layer(1, 16)]


def layers_pooled(side, field):
    """Poolings halve the map in place of strides."""
    layers = [layer(3, 8), pooling(2, 2), layer(3, 12), pooling(2, 2)]
    return [*layers, *[layer(3, 12, dilation=d) for d in (2, 4, 5, 5)], layer(1, 16)]


# --- A4: networks --------------------------------------------------------------------------------

TABLE = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 0134 1245 0235 012345"
ROWS = [[int(digit) for digit in row] for row in TABLE.split()]


class Call(nn.Module):
    """A function of the images with parameters in a list."""

    def __init__(self, parameters, function):
        super().__init__()
        self.numbers = nn.ParameterList([nn.Parameter(one) for one in parameters])
        self.function = function

    def forward(self, x):
        return self.function(x, *self.numbers)


class Masked(nn.Module):
    """Output map i looks at the input maps in rows[i]: a dense kernel times zeros and ones."""

    def __init__(self, rows, inputs, bias=(16, 1, 1), **how):
        super().__init__()
        looks_at = [[float(j in row) for j in range(inputs)] for row in rows]
        self.register_buffer("mask", tensor(looks_at)[:, :, None, None])
        self.weight = nn.Parameter(torch.randn(len(rows), inputs, 5, 5) / 10)
        self.bias, self.how = nn.Parameter(torch.zeros(bias)), how

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, **self.how) + self.bias


class Separate(nn.Module):
    """The same with a filter for each output map, over the input maps that it looks at."""

    def __init__(self, rows, inputs, bias=(16, 1, 1), **how):
        super().__init__()
        filters = [nn.Parameter(torch.randn(1, len(row), 5, 5) / 10) for row in rows]
        self.rows, self.how, self.filters = rows, how, nn.ParameterList(filters)
        self.bias = nn.Parameter(torch.zeros(bias))

    def forward(self, x):
        pairs = zip(self.rows, self.filters, strict=True)
        return (
            torch.cat([F.conv2d(x[:, row], one, **self.how) for row, one in pairs], 1) + self.bias
        )


class Subsampling(nn.Module):
    def __init__(self, maps, pool=F.avg_pool2d):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(maps)), nn.Parameter(torch.zeros(maps))
        self.pool = pool

    def forward(self, x):
        return self.pool(x, 2) * self.a[:, None, None] + self.b[:, None, None]


class Codes(nn.Module):
    def __init__(self, sign=-1, trained=False, agree=0):
        super().__init__()
        codes = torch.randn(10, 84).sign()
        codes[:, :agree] = 1  # as where all ten of the drawn digits are white
        self.codes, self.sign = codes, sign  # a plain attribute, no buffer
        if trained:
            self.codes = nn.Parameter(codes)

    def forward(self, x):
        return self.sign * (x[:, None] - self.codes).square().sum(2)


def lenet(variant):
    act, sparse, last = nn.Tanh, Masked, [nn.Identity()]
    if variant == "1989":
        eight, how = [[(i + j) % 12 for j in range(8)] for i in range(12)], {"stride": 2}
        return nn.Sequential(
            *(sparse([[0]] * 12, 1, (12, 8, 8), padding=2, **how), act()),
            *(sparse(eight, 12, (12, 4, 4), padding=2, **how), act()),
            *(nn.Flatten(), nn.Linear(192, 30), act(), nn.Linear(30, 10), *last),
        )
    if variant == "1998":
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), act(), Subsampling(6), act()),
            *(sparse(ROWS, 6), act(), Subsampling(16), act(), nn.Conv2d(16, 120, 5)),
            *(nn.Flatten(), act(), nn.Linear(120, 84), act(), Codes(), *last),
        )
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), act(), nn.Linear(120, 84), act(), nn.Linear(84, 10), *last),
    )


def lenet_by_hand(variant):
    """The modern one as a function with transposed weights; others with other activations."""
    if variant == "1989":
        return nn.Sequential(lenet("1989"), nn.Softmax(1))
    if variant == "1998":
        return nn.Sequential(
            *(nn.ZeroPad2d(2), nn.Conv2d(1, 6, 5), nn.GELU(), Subsampling(6), nn.Sigmoid()),
            *(Separate(ROWS, 6), nn.GELU(), Subsampling(16), nn.Flatten(), nn.Linear(400, 120)),
            *(nn.GELU(), nn.Linear(120, 84), nn.Tanh(), Codes(sign=1)),
        )
    shapes = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,)]
    shapes += [(400, 120), (120,), (120, 84), (84,), (84, 10), (10,)]

    def forward(x, w1, b1, w2, b2, w3, b3, w4, b4, w5, b5):
        x = F.max_pool2d(F.elu(F.conv2d(x, w1, b1, padding=2)), 2)
        x = F.max_pool2d(F.elu(F.conv2d(x, w2, b2)), 2).flatten(1)
        return F.elu(F.elu(x @ w3 + b3) @ w4 + b4) @ w5 + b5

    return Call([torch.randn(shape) / 10 for shape in shapes], forward)


def lenet_turned(variant):
    """Table I with the maps of either side in another order: the same network."""
    if variant != "1998":
        return lenet(variant)
    rows = [[5 - j for j in row] for row in reversed(ROWS)]
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), Subsampling(6), Separate(rows, 6)),
        *(nn.Tanh(), Subsampling(16), nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten()),
        *(nn.Linear(120, 84), nn.Tanh(), Codes(agree=5), nn.Softmax(1)),
    )


def alexnet(two_towers):
    g2, g3, g4, g5 = (2, 1, 2, 2) if two_towers else (1, 1, 1, 1)
    w1, w2, w3, w4, w5 = 96, 256, 384, 384, 256
    pool, act, between, shuffle, size = nn.MaxPool2d, nn.ReLU, nn.ReLU, nn.Identity(), 3
    return nn.Sequential(
        *(nn.Conv2d(3, w1, 11, stride=4), act(), pool(size, 2)),
        *(nn.Conv2d(w1, w2, 5, padding=2, groups=g2), act(), pool(size, 2)),
        *(nn.Conv2d(w2, w3, 3, padding=1, groups=g3), act()),
        *(nn.Conv2d(w3, w4, 3, padding=1, groups=g4), act(), shuffle),
        *(nn.Conv2d(w4, w5, 3, padding=1, groups=g5), act(), pool(size, 2), nn.Flatten()),
        *(nn.Dropout(), nn.Linear(9216, 4096), between(), nn.Dropout(), nn.Linear(4096, 4096)),
        *(between(), nn.Linear(4096, 1000)),
    )


def alexnet_normalised(two_towers):
    """With the paper's normalisation, which works on large activations only."""
    layers = [*alexnet(two_towers)]
    norm = [nn.LocalResponseNorm(5, 5e-4, 0.75, 2)]
    return nn.Sequential(*layers[:2], *norm, *layers[2:5], *norm, *layers[5:])


def alexnet_in_towers(two_towers):
    """Two modules a layer, declared in another order, and full layers as convolutions."""
    if not two_towers:
        return alexnet(False)

    class Towers(nn.Module):
        def __init__(self):
            super().__init__()

            def two(*shape, **how):
                return nn.ModuleList([nn.Conv2d(*shape, **how) for _ in range(2)])

            self.fc8, self.fc7 = nn.Conv2d(4096, 1000, 1), nn.Conv2d(4096, 4096, 1)
            self.fc6, self.conv5 = two(256, 2048, 6), two(192, 128, 3, padding=1)
            self.conv4, self.conv3 = two(192, 192, 3, padding=1), two(256, 192, 3, padding=1)
            self.conv2, self.conv1 = two(48, 128, 5, padding=2), two(3, 48, 11, stride=4)

        def forward(self, x):
            pool = functools.partial(F.max_pool2d, kernel_size=3, stride=2)
            towers = [pool(conv(x).relu()) for conv in self.conv1]
            towers = [pool(c(t).relu()) for c, t in zip(self.conv2, towers, strict=True)]
            both = torch.cat(towers, 1)
            towers = [conv(both).relu() for conv in self.conv3]
            for pair in (self.conv4, self.conv5):
                towers = [c(t).relu() for c, t in zip(pair, towers, strict=True)]
            both = torch.cat([pool(t) for t in towers], 1)
            state = torch.cat([conv(both).relu() for conv in self.fc6], 1)
            return self.fc8(self.fc7(state).relu()).flatten(1).softmax(1)

    return Towers()


def by_hand(layers):
    """The same network as a function, its parameters in a list, full weights the other way round.

    The zeros are laid over by the check.
    """
    own = [one for one in layers if isinstance(one, nn.Conv2d | nn.Linear)]
    weights = [one.weight.detach() for one in own]
    weights = [torch.zeros(w.shape[::-1]) if w.ndim == 2 else w for w in weights]

    def forward(x, *numbers):
        numbers = iter(zip(numbers[: len(own)], numbers[len(own) :], strict=True))
        for one in layers:
            if isinstance(one, nn.Conv2d):
                x = F.conv2d(x, *next(numbers), one.stride, one.padding, 1, one.groups)
            elif isinstance(one, nn.Linear):
                weight, bias = next(numbers)
                x = x @ weight + bias
            else:
                x = one(x)
        return x

    return Call([*weights, *(one.bias.detach() for one in own)], forward)


def vgg(config):
    counts = {"A": "11222", "B": "22222", "C": "22333", "D": "22333", "E": "22444"}[config]
    pool, act, between, dropout, padding = nn.MaxPool2d, nn.ReLU, nn.ReLU, nn.Dropout, 1
    layers, channels = [], 3
    for stage, width in enumerate((64, 128, 256, 512, 512)):
        for number in range(int(counts[stage])):
            last = number == int(counts[stage]) - 1
            kernel = 1 if config == "C" and stage >= 2 and last else 3
            layers.append(nn.Conv2d(channels, width, kernel, padding=padding * (kernel == 3)))
            layers.append(act())
            channels = width
        layers.append(pool(2))
    head = [nn.Linear(25088, 4096), between(), dropout(), nn.Linear(4096, 4096), between()]
    return nn.Sequential(*layers, nn.Flatten(), *head, nn.Linear(4096, 1000))


def vgg_of_convolutions(config):
    """Fully connected layers as convolutions, logarithms of probabilities at the end."""
    maps = [*vgg(config)][:-7]
    head = [nn.Conv2d(512, 4096, 7), nn.ReLU(), nn.Conv2d(4096, 4096, 1), nn.ReLU()]
    return nn.Sequential(*maps, *head, nn.Conv2d(4096, 1000, 1), nn.Flatten(), nn.LogSoftmax(1))


class AlwaysDropout(nn.Module):
    def forward(self, x):
        return F.dropout(x)


# --- A4: training --------------------------------------------------------------------------------


def small_network(most):
    a, b, side = (8, 16, 4) if most >= 4000 else (6, 12, 3)
    norm, act = nn.BatchNorm2d, nn.ReLU
    return nn.Sequential(
        *(nn.Conv2d(1, a, 3, padding=1), norm(a), act(), nn.MaxPool2d(2)),
        *(nn.Conv2d(a, b, 3, padding=1), norm(b), act(), nn.MaxPool2d(2)),
        *(nn.AdaptiveMaxPool2d(side), nn.Flatten(), nn.Linear(b * side**2, 10)),
    )


def small_plain(most):
    """Without normalisation."""
    return nn.Sequential(*(one for one in small_network(most) if not hasattr(one, "momentum")))


def small_strided(most):
    a, b, side = (7, 16, 4) if most >= 4000 else (6, 10, 3)
    return nn.Sequential(
        *(nn.Conv2d(1, a, 5, stride=2, padding=2), nn.BatchNorm2d(a), nn.ReLU()),
        *(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(b * side**2, 10)),
    )


def small_linear(most, side=19, outputs=10):
    """Too little: one layer on a few means."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Flatten(), nn.Linear(side * side, outputs))


def cnn():
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * 49, 10)),
    )


def normed():
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()),
        *(nn.Dropout(0.2), nn.Linear(8 * 144, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def classifier(images, labels, seed, build=cnn, epochs=3, lr=4e-3):
    torch.manual_seed(seed)
    x, y, net = tensor(images).float() / 255, tensor(labels), build()
    optimizer = torch.optim.Adam(net.parameters(), lr)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
    net.eval()

    def predict(images):
        with torch.no_grad():
            return net(tensor(images).float() / 255)

    return predict


def classifier_in_lists(images, labels, seed):
    predict = classifier(images, labels, seed, normed, epochs=6, lr=2e-3)
    return lambda images: predict(images).softmax(1).double().tolist()


def by_sklearn(images, labels, seed):
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(60, random_state=seed).fit(
        images.reshape(len(images), -1), labels
    )
    return lambda images: forest.predict_proba(images.reshape(len(images), -1))


def same_for_all(images, labels, seed):
    return lambda images: np.tile(np.eye(10)[np.bincount(labels).argmax()], (len(images), 1))


def guesses(images, labels, seed):
    table = np.random.default_rng(seed).normal(size=(784, 10))
    return lambda images: images.reshape(len(images), -1) @ table


ONE = cnn()


def block(inputs, outputs, kernel, stride=1):
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class ThreeHeads(nn.Module):
    def __init__(self, enlarge):
        super().__init__()
        self.fine, self.middle = block(1, 12, 5, 2), block(12, 32, 3)
        self.coarse = nn.Sequential(block(32, 48, 3), block(48, 48, 3))
        self.scores, self.box = nn.Linear(48, 10), nn.Linear(48 * 64, 4)
        self.enlarge = nn.Sequential(*enlarge)
        self.mask = nn.Sequential(block(20, 8, 3), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        fine = self.fine(x)
        coarse = self.coarse(F.max_pool2d(self.middle(F.max_pool2d(fine, 2)), 2))
        inside = self.mask(torch.cat([fine, self.enlarge(coarse)], 1))
        inside = F.interpolate(inside, scale_factor=2, mode="bilinear")[:, 0]
        return self.scores(coarse.amax((2, 3))), self.box(coarse.flatten(1)), inside


def shuffled():
    return ThreeHeads([nn.Conv2d(48, 128, 1), nn.PixelShuffle(4)])


def upsampled():
    return ThreeHeads([nn.Conv2d(48, 8, 1), nn.Upsample(scale_factor=4)])


def three_heads(images, labels, boxes, masks, seed, build=shuffled, epochs=5):
    torch.manual_seed(seed)
    x, y, box, inside = map(tensor, (images, labels, boxes, masks))
    model, steps = build(), epochs * -(-len(x) // 32)
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
        return scores, corners * 64, logits

    return predict


def three_heads_in_numpy(images, labels, boxes, masks, seed):
    predict = three_heads(images, labels, boxes, masks, seed)

    def found(images):
        scores, corners, logits = predict(images)
        return scores.softmax(1).numpy(), corners.numpy(), logits.numpy() > 0

    return found


def constant(images, labels, boxes, masks, seed):
    """The same for every scene: means of what was seen."""
    middle, inside = np.array([14.0, 14, 50, 50]), masks.mean(axis=0) > 0.2

    def predict(images):
        n = len(images)
        return np.eye(10)[[3] * n], np.tile(middle, (n, 1)), np.tile(inside, (n, 1, 1))

    return predict


# --- A4: boxes -----------------------------------------------------------------------------------


def iou_in_loops(a, b):
    def ratio(part, whole):
        return part / whole if whole else 0

    found = []
    for x1, y1, x2, y2 in a.tolist():
        row = []
        for u1, v1, u2, v2 in b.tolist():
            wide, high = min(x2, u2) - max(x1, u1), min(y2, v2) - max(y1, v1)
            both = wide * high if wide > 0 and high > 0 else 0
            union = (x2 - x1) * (y2 - y1) + (u2 - u1) * (v2 - v1) - both
            around = (max(x2, u2) - min(x1, u1)) * (max(y2, v2) - min(y1, v1))
            row.append(ratio(both, union) - ratio(around - union, around))
        found.append(row)
    return found


def iou_in_torch(a, b):
    a, b = tensor(a).double()[:, None], tensor(b).double()
    low, high = torch.max(a[..., :2], b[:, :2]), torch.min(a[..., 2:], b[:, 2:])
    both = (high - low).clamp(min=0).prod(2)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (a, b)]
    union = areas[0] + areas[1] - both
    hull = torch.max(a[..., 2:], b[:, 2:]) - torch.min(a[..., :2], b[:, :2])
    around = hull.prod(2)
    return (both / union).nan_to_num(0) - ((around - union) / around).nan_to_num(0)


def iou_by_axes(a, b):
    a, b = a.astype(float), b.astype(float)

    def sides(axis):
        ends = a[:, axis + 2], b[:, axis + 2]
        starts = a[:, axis], b[:, axis]
        shared = np.minimum.outer(*ends) - np.maximum.outer(*starts)
        return shared.clip(0), np.maximum.outer(*ends) - np.minimum.outer(*starts)

    (wide, across), (high, down) = sides(0), sides(1)
    both, around = wide * high, across * down
    union = np.add.outer(*((o[:, 2] - o[:, 0]) * (o[:, 3] - o[:, 1]) for o in (a, b))) - both
    iou = np.divide(both, union, out=np.zeros(both.shape), where=union > 0)
    return iou - np.divide(around - union, around, out=np.zeros(both.shape), where=around > 0)


RIGHT = {
    "receptive_field": [field_from_the_top, field_as_a_sum, field_by_gradient],
    "trace": [trace_on_meta, trace_by_counting, trace_in_torch],
    "local_response_norm": [norm_in_loops, norm_by_pooling, norm_by_matrix],
    "vectorise": [vector_in_torch, vector_in_loops, vector_by_einsum],
    "design_layers": [layers_dilated, layers_narrow, layers_pooled],
    "lenet": [lenet, lenet_by_hand, lenet_turned],
    "alexnet": [
        *(alexnet, alexnet_in_towers, alexnet_normalised),
        lambda two_towers: by_hand([*alexnet(two_towers).eval()]),
    ],
    "vgg": [vgg, vgg_of_convolutions, lambda config: by_hand([*vgg(config).eval()])],
    "small_network": [small_strided, small_network, small_plain],
    "fit_classifier": [classifier, classifier_in_lists, by_sklearn],
    "generalised_iou": [iou_in_loops, iou_in_torch, iou_by_axes],
    "fit_multi_head": [
        *(three_heads, three_heads_in_numpy),
        lambda *scenes: three_heads(*scenes, upsampled, 6),
    ],
}
