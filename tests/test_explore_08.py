"""The interactives and figures of section 08 without a browser: state -> numbers and picture."""

import numpy as np
import pytest
import torch
from notebook_code import from_notebook, picture
from torch import nn

from cv_course import explore, figures, layers
from cv_course.explore.alexnet import GROUPINGS, VECTORS
from cv_course.models.s08_alexnet import ACTIVATIONS, changes, gradient_sizes
from cv_course.networks.alexnet import ResponseNorm, alexnet, convolutions


@pytest.fixture(scope="module")
def traces():
    with torch.device("meta"):
        return {
            "two towers": layers.trace(alexnet("two_towers"), (3, 227, 227)),
            "torchvision's": layers.trace(alexnet("torchvision"), (3, 224, 224)),
        }


@pytest.fixture(scope="module")
def blueprint(traces):
    return explore.blueprint(traces)


@pytest.fixture(scope="module")
def gradients():
    return explore.gradients()


@pytest.fixture(scope="module")
def towers():
    return explore.towers()


@pytest.fixture(scope="module")
def response_norm():
    return explore.response_norm()


@pytest.fixture(scope="module")
def flatten_or_average():
    return explore.flatten_or_average()


# --- the blueprint -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "step", "name", "words"),
    [
        ("two towers", "conv1", "features.0", ["34,944 parameters (0.1%)", "ReLU, ResponseNorm,"]),
        ("two towers", "conv2", "features.4", ["2 groups", "307,456", "sees 51 × 51 pixels"]),
        ("two towers", "fc6", "classifier.0", ["37,752,832 parameters (61.9%)", "ReLU, Dropout."]),
        ("torchvision's", "conv2", "features.3", ["307,392", "192 × 27 × 27 out"]),
        ("torchvision's", "fc8", "classifier.6", ["1,000 out", "4,097,000"]),
    ],
)  # fmt: skip
def test_blueprint_marks_the_layer_and_says_its_numbers(blueprint, traces, form, step, name, words):
    alt = blueprint.alt(form=form, step=step)
    assert f"AlexNet, {form}," in alt
    for part in (step, *words):
        assert part in alt
    figure = blueprint.render(form=form, step=step)
    outlines = [patch.get_path() for patch in figure.artists]
    sheet = figures.blueprint_sheet(traces[form])
    assert [path.vertices.tolist() for path in outlines] == [
        path.vertices.tolist() for path in sheet.outlines[name]
    ]
    said = figure.texts[0].get_text()
    row = traces[form][name]
    assert f"{row.parameters:,} parameters" in said
    assert f"{row.macs:,} multiplications" in said


@pytest.mark.parametrize("form", ["two towers", "torchvision's"])
def test_outlines_lie_where_the_layers_are_drawn(traces, form):
    sheet = figures.blueprint_sheet(traces[form])
    weighted = traces[form].only("Conv2d", "Linear")
    assert list(sheet.outlines) == [row.name for row in weighted]
    boxes = [[path.get_extents() for path in paths] for paths in sheet.outlines.values()]
    for row, found in zip(weighted, boxes, strict=True):
        towers = 2 if form == "two towers" and row.name != weighted[-1].name else 1
        assert len(found) == 3 * towers + 2
        edge = found[0]  # the front of the cuboid: a black line where the outline is to lie
        y, x = sheet.picture.shape[0] - round(edge.y0), round((edge.x0 + edge.x1) / 2)
        assert sheet.picture[y - 2 : y + 2, x, :3].min(0).max() < 100
    for place, counts in ((-2, "parameters"), (-1, "macs")):
        bars = [found[place] for found in boxes]
        assert sorted(bars, key=lambda bar: bar.x0) == bars
        heights = [bar.height / bars[0].height for bar in bars]
        first = getattr(weighted[0], counts)
        assert heights == pytest.approx([getattr(row, counts) / first for row in weighted])


def test_blueprint_follows_its_controls(blueprint):
    blueprint.controls["step"].value = "conv4"
    first = picture(blueprint)
    assert "conv4 marked" in first
    blueprint.controls["form"].value = "torchvision's"
    assert "torchvision" in picture(blueprint)
    assert "conv4 marked" in picture(blueprint)
    assert picture(blueprint) != first


# --- gradients -----------------------------------------------------------------------------------


def test_the_notebook_shows_the_packages_gradient_sizes():
    (shown,) = from_notebook("08_alexnet", "gradient_sizes")
    shown.__globals__["F"] = nn.functional
    he = (nn.init.kaiming_normal_, {"nonlinearity": "relu"})
    for name, function, (start, gain) in (
        ("sigmoid", torch.sigmoid, (nn.init.xavier_normal_, {})),
        ("tanh", torch.tanh, (nn.init.xavier_normal_, {})),
        ("ReLU", torch.relu, he),
    ):
        assert shown(function, start, gain) == pytest.approx(gradient_sizes(name), rel=1e-4)


def test_gradient_sizes_are_the_gradients_of_the_weights():
    """Two layers by hand, with the chain rule."""
    found = gradient_sizes("tanh", depth=2, width=5, seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first, second = nn.Linear(5, 5), nn.Linear(5, 5)
        for layer in (first, second):
            nn.init.xavier_normal_(layer.weight)
        x, last, labels = torch.randn(256, 5), nn.Linear(5, 10), torch.randint(10, (256,))
    with torch.no_grad():
        one = torch.tanh(x @ first.weight.T)
        two = torch.tanh(one @ second.weight.T)
        back = (last(two).softmax(1) - nn.functional.one_hot(labels, 10)) / 256
        back_two = back @ last.weight * (1 - two**2)
        back_one = back_two @ second.weight * (1 - one**2)
    expected = [(back_one.T @ x).norm().item(), (back_two.T @ one).norm().item()]
    assert found == pytest.approx(expected, rel=1e-4)


def test_gradient_sizes_leave_the_random_numbers_alone_and_refuse_the_unknown():
    state = torch.get_rng_state()
    gradient_sizes("ReLU", depth=2)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match="activation must be one of sigmoid, tanh, ReLU"):
        gradient_sizes("GELU")


@pytest.mark.parametrize("fitted", [True, False])
def test_gradients_draws_what_was_computed(gradients, fitted):
    axis = gradients.render(depth=6, fitted=fitted).axes[0]
    for line, name in zip(axis.lines, ACTIVATIONS, strict=True):
        expected = gradient_sizes(name, 6, fitted)
        assert line.get_ydata().tolist() == pytest.approx(expected)
        assert f"{name} {expected[0] / expected[-1]:.1g}" in gradients.alt(depth=6, fitted=fitted)
    assert axis.get_yscale() == "log"


def test_gradients_follows_its_controls(gradients):
    gradients.set(depth=8, fitted=True)
    before = picture(gradients)
    gradients.controls["fitted"].value = False
    assert "as PyTorch draws them" in picture(gradients)
    gradients.controls["depth"].value = 4
    assert picture(gradients).split("alt=")[1].startswith('"4 layers')
    assert picture(gradients) != before


# --- towers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tower", ["A", "B"])
@pytest.mark.parametrize("groups", GROUPINGS)
def test_towers_shows_which_channels_changed(towers, groups, tower):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = changes(convolutions(GROUPINGS[groups], 2), torch.rand(1, 3, 99, 99), tower)
    state = {"groups": groups, "norm": 2, "tower": tower}
    figure, alt = towers.render(**state), towers.alt(**state)
    for axis, (name, change) in zip(figure.axes, expected.items(), strict=True):
        drawn = axis.images[0].get_array()[0] > 0
        assert np.array_equal(drawn, change > 0)
        a, b = ((part > 0).sum() for part in change.chunk(2))
        half = len(change) // 2
        assert f"A {a}/{half}, B {b}/{half}" in [text.get_text() for text in axis.texts]
        assert f"{name} {a if tower == 'B' else b} of {half}" in alt
    isolated = "conv2 0 of 128" in alt
    assert isolated == (not groups.startswith("always"))
    assert ("conv3 0 of 192" in alt) == groups.startswith("never")


def test_over_the_seam_the_towers_that_never_cross_meet(towers):
    never = next(name for name in GROUPINGS if name.startswith("never"))
    assert "conv5 0 of 128" in towers.alt(groups=never, norm=2, tower="B")
    assert "conv5 0 of 128" not in towers.alt(groups=never, norm=1, tower="B")


def test_towers_follows_its_controls_and_leaves_the_random_numbers_alone(towers):
    state = torch.get_rng_state()
    towers.set(groups=list(GROUPINGS)[1], norm=2, tower="A")
    first = picture(towers)
    assert "tower A disturbed" in first
    towers.controls["norm"].value = 1
    assert "over the seam" in picture(towers)
    assert torch.equal(torch.get_rng_state(), state)


# --- response normalisation ----------------------------------------------------------------------

STATES = [
    {"activations": "one loud channel", "k": 2.0, "n": 5, "alpha": -4.0, "beta": 0.75},
    {"activations": "all alike", "k": 1.0, "n": 15, "alpha": -2.0, "beta": 0.5},
    {"activations": "faint (images in 0 to 1)", "k": 1.0, "n": 1, "alpha": 0.0, "beta": 0.0},
]


@pytest.mark.parametrize("state", STATES)
def test_response_norm_draws_the_layers_answer(response_norm, state):
    before = torch.tensor(VECTORS[state["activations"]])
    n, alpha = state["n"], 10 ** state["alpha"]
    norm = nn.LocalResponseNorm(n, n * alpha, state["beta"], state["k"])
    after = norm(before.view(1, -1, 1, 1)).flatten()
    left, middle, right = response_norm.render(**state).axes
    for axis, expected in ((left, before), (middle, after)):
        # the bars, and a band behind them
        extents = [  # in data coordinates, also of the polygon that the band was before 3.9
            one.get_patch_transform().transform_path(one.get_path()).get_extents()
            for one in axis.patches
        ]
        bars = [one.y1 + one.y0 for one in extents if one.width < 1]
        assert bars == pytest.approx(expected.tolist(), rel=1e-4)
        assert [one.width for one in extents if one.width >= 1] == pytest.approx([n])
    x, y = (torch.as_tensor(part) for part in right.lines[0].get_data())
    alone = ResponseNorm(1, alpha, state["beta"], state["k"])
    assert torch.allclose(y, alone(x.view(1, 1, 1, -1)).flatten())
    assert f"from {before[7]:.3g} to {after[7]:.3g}" in response_norm.alt(**state)


def test_response_norm_follows_its_controls(response_norm):
    response_norm.set(**STATES[0])
    pages = [picture(response_norm)]
    for name, value, words in (
        ("k", 3.0, "k 3,"),
        ("n", 7, "n 7"),
        ("alpha", -3.0, "alpha 10^-3"),
        ("beta", 0.5, "beta 0.5"),
        ("activations", "all alike", "all alike"),
    ):
        response_norm.controls[name].value = value
        pages.append(picture(response_norm))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


# --- heads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["flatten", "average"])
@pytest.mark.parametrize("classes", [10, 1000])
def test_heads_draws_the_parameters_of_both_parts(flatten_or_average, head, classes):
    axis = flatten_or_average.render(head=head, classes=classes, side=227).axes[0]
    widths = [bar.get_width() for bar in axis.patches]
    for row, variant in enumerate(("two_towers", "single", "torchvision")):
        with torch.device("meta"):
            model = alexnet(variant, classes, head)
        parts = [layers.count_parameters(part) for part in (model.features, model.classifier)]
        assert widths[2 * row : 2 * row + 2] == pytest.approx([part / 1e6 for part in parts])
        assert f"{sum(parts) / 1e6:.1f}" in flatten_or_average.alt(
            head=head, classes=classes, side=227
        )


@pytest.mark.parametrize(
    ("head", "side", "words"),
    [
        ("flatten", 227, "maps 256 × 6 × 6, vector 9,216 fits"),
        ("flatten", 224, "maps 256 × 5 × 5, vector 6,400 does not fit into 9,216"),
        ("flatten", 320, "does not fit"),
        ("average", 320, "vector 256 fits"),
        ("average", 96, "vector 256 fits"),
    ],
)
def test_heads_says_whether_the_image_fits(flatten_or_average, head, side, words):
    assert words in flatten_or_average.alt(head=head, classes=1000, side=side)
    with torch.device("meta"):
        model, image = alexnet(head=head), torch.zeros(1, 3, side, side)
    try:
        model(image)
        fits = True
    except ValueError:
        fits = False
    assert fits == ("not fit" not in words)


def test_heads_follows_its_controls(flatten_or_average):
    pages = [picture(flatten_or_average)]
    for name, value in (("head", "average"), ("classes", 10), ("side", 96)):
        flatten_or_average.controls[name].value = value
        pages.append(picture(flatten_or_average))
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


# --- where nothing can be moved, and the other figures -------------------------------------------


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("blueprint", 3),
        ("gradients", 3),
        ("towers", 3),
        ("response_norm", 3),
        ("flatten_or_average", 4),
    ],
)
def test_film_tells_different_things_in_small_pictures(name, count, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len({page.split("src=")[1] for page in frames}) == len(frames) == count
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture


def test_who_counts_shows_the_numbers_and_their_sum():
    parts = {"LRN": np.eye(3, 8), "other": np.ones((3, 8))}
    figure = figures.who_counts(parts)
    for axis, (name, reached) in zip(figure.axes, parts.items(), strict=True):
        assert np.array_equal(axis.images[0].get_array(), reached)
        assert axis.get_title("left") == f"{name}: {int(reached.sum())} numbers"


def test_accuracies_and_seconds_shows_every_run():
    figure = figures.accuracies_and_seconds({"a": ((0.7, 0.8), (1.0, 3.0)), "b": ((0.9,), (4.0,))})
    left, right = figure.axes
    assert [line.get_xdata().tolist() for line in left.lines] == [[0.7, 0.8], [0.9]]
    assert [bar.get_width() for bar in right.patches] == [2, 4]
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b"]
