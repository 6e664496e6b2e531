"""The interactives of section 04 without a browser: state -> numbers and picture."""

import numpy as np
import pytest
import torch
from notebook_code import from_notebook, one_layer_by_step, picture

from cv_course import data, explore, figures
from cv_course.data import Dataset, as_float
from cv_course.explore.template import EMPTY, HALF, Drawing
from cv_course.models.s04_template import correlation, judge, read_template
from cv_course.networks.small import Linear, SmallConv
from cv_course.perturb import scale, shift
from cv_course.training import fit, predict

PAIRS = [("Ankle boot", "Sneaker"), ("Shirt", "T-shirt")]
STEPS = [1, 10, 100, 300, 1000]


@pytest.fixture(scope="module")
def fashion():
    whole = data.fashion_mnist()
    return Dataset(whole.train[:2000], whole.test[:300], whole.classes)


@pytest.fixture(scope="module")
def draw_template(fashion):
    return explore.draw_template(fashion, PAIRS)


@pytest.fixture(scope="module")
def learned(fashion):
    """What the notebook hands over to ``explore.templates``."""
    images, labels = as_float(fashion.train.images), fashion.train.labels
    averages = torch.stack([images[labels == c].mean(0) for c in range(10)])
    weights, accuracy = [], []
    for W, b in one_layer_by_step(images, labels, STEPS):
        weights.append(W.view(10, 1, 28, 28))
        answers = (as_float(fashion.test.images).flatten(1) @ W.T + b).argmax(1)
        accuracy.append((answers == fashion.test.labels).float().mean().item())
    return averages - averages.mean(0), weights, accuracy


@pytest.fixture(scope="module")
def templates(fashion, learned):
    differences, weights, accuracy = learned
    return explore.templates(fashion.classes, differences, STEPS, weights, accuracy)


@pytest.fixture(scope="module")
def canvas(fashion):
    (on_canvas,) = from_notebook("04_one_layer_one_template", "on_canvas")
    return Dataset(on_canvas(fashion.train), on_canvas(fashion.test), fashion.classes)


@pytest.fixture(scope="module")
def models(canvas):
    torch.manual_seed(0)
    some = {"one layer": Linear((1, 36, 36), 10), "global max": SmallConv("max", (1, 36, 36))}
    for model in some.values():
        fit(model, canvas.train, epochs=2, progress=False, device="cpu")
    return some


@pytest.fixture(scope="module")
def drag(models, canvas):
    return explore.drag(models, canvas.test[:20], canvas.classes)


def bars(axis) -> list[float]:
    return [bar.get_width() for bar in axis.patches]


# --- drawing with buttons ------------------------------------------------------------------------


def test_a_click_turns_one_field_on():
    drawing = Drawing("...\n.+-\n...")
    seen = []
    drawing.observe(lambda change: seen.append(change["new"]), names="value")
    for _ in range(4):
        drawing.children[5].click()  # the row in the middle, at the right
    assert seen == [f"...\n.+{sign}\n..." for sign in ".+-."]
    drawing.children[0].click()
    assert drawing.value == "+..\n.+.\n..."


def test_fields_say_in_colour_and_words_what_they_are():
    drawing = Drawing("+.\n-+")
    for value in ("+.\n-+", ".-\n+."):
        drawing.value = value
        colours = {}
        for field, sign, place in zip(
            drawing.children, value.replace("\n", ""), ("1, 1", "1, 2", "2, 1", "2, 2"), strict=True
        ):
            row, column = place.split(", ")
            assert field.description == sign.replace("-", "−")
            assert field.tooltip == f"row {row}, column {column}: {sign}"
            assert colours.setdefault(sign, field.style.button_color) == field.style.button_color
        assert len(set(colours.values())) == 3


@pytest.mark.parametrize("value", ["+x\n..", "+.", "+.\n..\n..", "+...", "+\n..."])
def test_what_is_no_drawing_of_this_size_is_refused_and_the_old_one_stays(value):
    drawing = Drawing("+.\n-+")
    with pytest.raises(ValueError, match=r"."):
        drawing.value = value
    assert drawing.value == "+.\n-+"
    drawing.children[1].click()
    assert drawing.value == "++\n-+"


# --- a template by hand --------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("drawing", [HALF, HALF.replace("+", "-", 4)])
def test_draw_template_shows_what_judge_finds(draw_template, fashion, pair, drawing):
    both, template = fashion.only(*pair), read_template(drawing)
    images, labels = as_float(both.train.images), both.train.labels
    averages = [images[labels == label].mean(0) for label in (0, 1)]
    torch.manual_seed(0)
    layer = Linear((1, 28, 28), 2)
    fit(layer, both.train, epochs=5, progress=False, device="cpu")
    rivals = (template, averages[0] - averages[1], layer.templates[0] - layer.templates[1])
    expected = [judge(one.detach(), both).accuracy for one in rivals]
    first, second, mine, scores, who = draw_template.render(pair=pair, drawing=drawing).axes
    for axis, shown in zip((first, second, mine), (*averages, template), strict=True):
        np.testing.assert_allclose(axis.images[0].get_array(), shown[0], atol=1e-6)
    assert scores.lines[0].get_xdata()[0] == judge(template, both).threshold
    assert bars(who) == pytest.approx(expected)
    assert [t.get_text() for t in who.get_yticklabels()] == ["you", "averages", "one layer"]
    assert [t.get_text() for t in who.texts] == [f"{share:.1%}" for share in expected]
    alt = draw_template.alt(pair=pair, drawing=drawing)
    assert alt.startswith(f"A template for {pair[0]} against {pair[1]}; fields for: ")
    you, averages, layer = (f"{share:.1%}" for share in expected)
    assert f"right on {you}, beside {averages} for averages and {layer} for one layer." in alt
    assert expected[0] < min(expected[1:])


def test_a_rival_leaves_the_learners_random_numbers_alone(fashion):
    state = torch.get_rng_state()
    explore.draw_template(fashion, PAIRS[1:])
    assert torch.equal(torch.get_rng_state(), state)


def test_draw_template_follows_its_controls(draw_template):
    draw_template.set(pair=PAIRS[0], drawing=EMPTY)
    before = picture(draw_template)
    assert "fields for: 0, against: 0. It is right on 50" in before
    draw_template.controls["drawing"].children[5].click()
    once = picture(draw_template)
    assert "fields for: 1, against: 0" in once
    draw_template.controls["drawing"].children[5].click()
    twice = picture(draw_template)
    assert "fields for: 0, against: 1" in twice
    draw_template.controls["pair"].value = PAIRS[1]
    other = picture(draw_template)
    assert "Shirt against T-shirt" in other
    assert len({page.split("src=")[1] for page in (before, once, twice, other)}) == 4
    draw_template.widget.children[0].children[-1].click()  # reset
    assert picture(draw_template) == before


# --- templates while they are learned ------------------------------------------------------------


@pytest.mark.parametrize("position", range(len(STEPS)))
def test_templates_shows_weights_and_correlation_of_one_step(templates, learned, position):
    differences, weights, accuracy = learned
    alike = [correlation(one, differences).mean().item() for one in weights]
    left, right = templates.render(step=STEPS[position]).axes
    shown = [part / part.abs().max() for part in (differences, weights[position])]
    drawn = left.images[0].get_array()
    np.testing.assert_allclose(drawn, figures.mosaic(torch.cat(shown), 10, fill=0), atol=1e-6)
    correlations, mark, right_answers, other_mark = right.lines
    assert correlations.get_xdata().tolist() == right_answers.get_xdata().tolist() == STEPS
    assert correlations.get_ydata().tolist() == alike
    assert right_answers.get_ydata().tolist() == accuracy
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (STEPS[position], alike[position])
    assert other_mark.get_ydata()[0] == accuracy[position]
    alt = templates.alt(step=STEPS[position])
    assert f"after step {STEPS[position]:,}," in alt
    assert f"correlation is {alike[position]:.2f}" in alt
    assert f"accuracy is {accuracy[position]:.2f}" in alt


def test_templates_follows_its_control(templates):
    assert "after step 1," in picture(templates)
    templates.controls["step"].value = 1000
    assert "after step 1,000," in picture(templates)


# --- dragging an object --------------------------------------------------------------------------

MOVES = [
    {"item": 0, "right": 0, "down": 0, "size": 1.0},
    {"item": 7, "right": 4, "down": -3, "size": 1.0},
    {"item": 13, "right": -8, "down": 8, "size": 0.6},
]


@pytest.mark.parametrize("state", MOVES)
def test_drag_shows_what_the_classifiers_make_of_the_moved_image(drag, models, canvas, state):
    item = state["item"]
    image = scale(canvas.test.images[item][None], state["size"])
    image = shift(image, state["right"], state["down"])
    truth, alt = canvas.test.labels[item], drag.alt(**state)
    first, *others = drag.render(**state).axes
    assert np.array_equal(first.images[0].get_array(), image[0, 0])
    assert first.get_title("left") == f"a {canvas.classes[truth]}"
    for axis, (name, model) in zip(others, models.items(), strict=True):
        expected = predict(model, image)[0].softmax(0)
        assert bars(axis) == pytest.approx(expected.tolist())
        winner = expected.argmax()
        sign = "✓" if winner == truth else "✗"
        assert axis.get_title("left") == f"{name}:\n{sign} {canvas.classes[winner]}"
        assert f"{name}: {canvas.classes[winner]}" in alt
    assert f"moved {state['right']} pixels to the right and {state['down']} down" in alt


def test_drag_follows_its_controls(drag):
    drag.set(**MOVES[0])
    pages = [picture(drag)]
    for name, value, words in (
        ("right", -2, "moved -2 pixels to the right and 0 down"),
        ("down", 5, "moved -2 pixels to the right and 5 down"),
        ("size", 0.7, "magnified by 0.7"),
        ("item", 3, "A Dress moved"),
    ):
        drag.controls[name].value = value
        pages.append(picture(drag))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


# --- where nothing can be moved ------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("draw_template", 3), ("templates", 3), ("drag", 4)])
def test_film_tells_different_things_in_small_pictures(name, count, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len({page.split("src=")[1] for page in frames}) == len(frames) == count
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture
