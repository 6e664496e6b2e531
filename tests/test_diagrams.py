"""Diagrams of traced models: what is drawn is what the model does."""

from types import SimpleNamespace

import pytest
import torch
from matplotlib.patches import Polygon
from torch import nn

from cv_course import diagrams, plots
from cv_course.diagrams import architecture_blocks
from cv_course.networks.alexnet import alexnet


def trace(model, size):
    """Rows with what the diagrams need, by forward hooks: independent of ``layers.trace``."""
    rows = []

    def pair(value):
        return (value, value) if isinstance(value, int) else value

    def note(name, layer):
        def hook(module, given, made):
            row = SimpleNamespace(name=name, kind=type(layer).__name__)
            row.kernel = pair(getattr(layer, "kernel_size", None))
            row.stride = pair(getattr(layer, "stride", None))
            row.groups = getattr(layer, "groups", 1)
            row.input_shape, row.output_shape = tuple(given[0].shape[1:]), tuple(made.shape[1:])
            rows.append(row)

        return hook

    leaves = [(name, one) for name, one in model.named_modules() if not list(one.children())]
    hooks = [one.register_forward_hook(note(name, one)) for name, one in leaves]
    device = next(model.parameters()).device
    model.eval()(torch.zeros(1, *size, device=device))
    for hook in hooks:
        hook.remove()
    return rows


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return trace(alexnet("single"), (3, 227, 227))


@pytest.fixture(scope="module")
def lenet():
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh()),
        *(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 84), nn.Tanh(), nn.Linear(84, 10)),
    )
    return trace(net, (1, 32, 32))


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def solids(figure):
    """Polygons of the cuboids: three faces each; the small white windows are left out."""
    polygons = [patch for patch in figure.axes[0].patches if type(patch) is Polygon]
    return [patch for patch in polygons if patch.get_facecolor()[:3] != (1, 1, 1)]


def test_blocks_of_a_single_stream(lenet):
    blocks = architecture_blocks(lenet)
    assert [block.kind for block in blocks] == [
        *("input", "convolution", "pooling", "convolution", "pooling", "other", "full", "full")
    ]
    assert [block.shape for block in blocks] == [
        *((1, 32, 32), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,), (84,), (10,))
    ]
    assert blocks[2].words == ("average", "2×2", "stride 2")
    assert blocks[2].label == "6\n14×14"


def test_one_number_a_channel_is_no_other_shape():
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    blocks = architecture_blocks(trace(net, (1, 9, 9)))
    assert [block.kind for block in blocks] == ["input", "convolution", "pooling", "full"]
    assert blocks[2].words == ("average",)


def test_figure_draws_each_block_once_and_says_its_shape(published, lenet):
    for rows in (published, lenet):
        blocks, figure = architecture_blocks(rows), diagrams.architecture(rows)
        assert len(solids(figure)) == 3 * len(blocks)
        for block in blocks:
            assert block.label in texts(figure)
            assert "\n".join(block.words) in [*texts(figure), ""]


def test_larger_maps_are_drawn_larger_and_the_first_side_sets_the_scale(lenet):
    figure = diagrams.architecture(lenet)
    fronts = [patch.get_xy() for patch in solids(figure)[::3]]
    heights = [float(front[:, 1].max() - front[:, 1].min()) for front in fronts]
    sides = [32, 28, 14, 10, 5]
    assert heights[:5] == pytest.approx([4 * (side / 32) ** 0.5 for side in sides])
    assert heights[5] > heights[6] > heights[7]  # 400, 84, 10


def test_many_blocks_get_short_labels_that_do_not_overlap():
    layers = [nn.Conv2d(3, 16, 3, padding=1)]
    for _ in range(4):
        layers += [nn.Conv2d(16, 16, 3, padding=1) for _ in range(3)] + [nn.MaxPool2d(2)]
    figure = diagrams.architecture(trace(nn.Sequential(*layers), (3, 224, 224)))
    plots.png(figure)  # lays it out
    axis = figure.axes[0]
    boxes = [text.get_window_extent() for text in axis.texts if text.get_text()]
    assert len(boxes) > 20
    clashes = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert clashes == []


@pytest.mark.parametrize("case", ["published", "lenet"])
def test_labels_do_not_overlap(case, request):
    figure = diagrams.architecture(request.getfixturevalue(case))
    plots.png(figure)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    assert [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)] == []


def test_bad_input_is_refused_in_words(lenet):
    with pytest.raises(ValueError, match="holds no layers"):
        diagrams.architecture([])
    sequence = SimpleNamespace(name="rnn", kind="GRU", output_shape=(5, 7))
    with pytest.raises(ValueError, match="something else: rnn"):
        diagrams.architecture([*lenet, sequence])
