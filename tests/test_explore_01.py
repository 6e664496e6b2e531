"""The interactives of section 01 without a browser: state -> numbers and picture."""

import math

import numpy as np
import pytest
import torch
from notebook_code import picture

from cv_course import data, explore, faces
from cv_course.data import Dataset
from cv_course.explore.perception import right_answers
from cv_course.networks.small import SmallConv
from cv_course.perturb import rotate
from cv_course.training import fit, predict


@pytest.fixture(scope="module")
def fashion():
    whole = data.fashion_mnist()
    return Dataset(whole.train[:1000], whole.test[:60], whole.classes)


@pytest.fixture(scope="module")
def two_senses():
    return explore.two_senses()


@pytest.fixture(scope="module")
def scene_by_hand():
    return explore.scene_by_hand()


@pytest.fixture(scope="module")
def portrait():
    return explore.portrait()


@pytest.fixture(scope="module")
def watcher():
    torch.manual_seed(0)
    model = SmallConv("max", image_shape=(1, 32, 32), classes=2)
    fit(model, faces.normal_or_flipped(600), epochs=1, batch_size=64, progress=False, device="cpu")
    return model


@pytest.fixture(scope="module")
def flipped_face(watcher):
    return explore.flipped_face(watcher, count=8)


ANGLES = [0, 45, 90, 135, 180]


@pytest.fixture(scope="module")
def nets(fashion):
    models = {}
    for reach in (0, 180):
        torch.manual_seed(reach)
        models[reach] = SmallConv("flatten")
        fit(models[reach], fashion.train, epochs=1, progress=False, device="cpu")
    return models


@pytest.fixture(scope="module")
def training_angles(nets, fashion):
    curves = {0: [0.9, 0.7, 0.5, 0.3, 0.1], 180: [0.6] * 5}
    return explore.training_angles(nets, ANGLES, curves, fashion.test, fashion.classes)


# --- two senses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [(1.0, 0.0), (2.5, 0.0), (2.5, 0.9), (0.5, -0.9)])
def test_two_senses_shows_the_shares_that_a_long_game_gives(two_senses, state):
    noise, shared = state
    lot = np.random.default_rng(1)
    there = np.arange(300_000) % 2
    first, other = lot.normal(size=(2, len(there)))
    second = noise * (shared * first + math.sqrt(1 - shared**2) * other)
    reports = np.stack([there + first, there + second])
    errors = np.array([[1, shared * noise], [shared * noise, noise**2]])
    best = np.linalg.inv(errors).sum(1)
    measured = []
    for weights in ([1, 0], [0, 1], [0.5, 0.5], best):
        said = weights @ reports > np.sum(weights) / 2
        measured.append((said == there).mean())
    figure = two_senses.render(noise=noise, shared=shared)
    drawn = [bar.get_width() for bar in figure.axes[1].patches]
    assert drawn == pytest.approx(measured, abs=0.004)
    alt = two_senses.alt(noise=noise, shared=shared)
    for share in drawn:
        assert f"{share:.3f}" in alt


def test_two_senses_draws_clouds_with_the_errors_told(two_senses):
    figure = two_senses.render(noise=2.0, shared=0.8)
    absent, there = (np.asarray(c.get_offsets()) for c in figure.axes[0].collections)
    assert len(absent) + len(there) == 1000
    for cloud, middle in ((absent, 0), (there, 1)):
        assert cloud.mean(0) == pytest.approx([middle, middle], abs=0.35)
        assert cloud.std(0) == pytest.approx([1, 2], rel=0.15)
        assert np.corrcoef(cloud.T)[0, 1] == pytest.approx(0.8, abs=0.07)


def test_two_senses_follows_its_controls(two_senses):
    two_senses.set(noise=1.0, shared=0.0)
    before = picture(two_senses)
    assert f"best weights {right_answers(math.sqrt(2)):.3f}" in before
    two_senses.controls["noise"].value = 3.0
    assert "errs 3 times as much" in picture(two_senses)
    two_senses.controls["shared"].value = 0.5
    assert "correlation of 0.5" in picture(two_senses)
    assert picture(two_senses) != before


# --- a scene by hand -----------------------------------------------------------------------------


def shown(figure, panel):
    return np.asarray(figure.axes[panel].images[0].get_array())


@pytest.mark.parametrize(("distance", "radius"), [(80, 12), (120, 18), (40, 6)])
def test_every_scene_in_the_valley_gives_the_target(scene_by_hand, distance, radius):
    figure = scene_by_hand.render(x=6, y=-4, distance=distance, radius=radius)
    assert np.abs(shown(figure, 0) - shown(figure, 1)).max() < 1e-5
    assert np.abs(shown(figure, 2)).max() < 1e-5
    assert "error 0.000" in figure.axes[2].get_xlabel()
    valley = figure.axes[3].lines[0]
    near = dict(zip(valley.get_xdata(), valley.get_ydata(), strict=True))
    assert near[distance] == pytest.approx(radius, abs=0.4)


def test_a_wrong_scene_leaves_a_residual(scene_by_hand):
    figure = scene_by_hand.render(x=0, y=0, distance=100, radius=10)
    difference = shown(figure, 0) - shown(figure, 1)
    np.testing.assert_allclose(shown(figure, 2), difference, atol=1e-6)
    error = np.sqrt((difference**2).mean())
    assert f"error {error:.3f}" in figure.axes[2].get_xlabel()
    assert f"by {error:.3f}" in scene_by_hand.alt(x=0, y=0, distance=100, radius=10)
    peak = np.unravel_index(shown(figure, 0).argmax(), (32, 32))
    assert peak[1] > 16 > peak[0]  # right of the middle and above it


def test_scene_by_hand_follows_its_controls(scene_by_hand):
    scene_by_hand.set(x=0, y=0, distance=100, radius=10.0)
    pages = [picture(scene_by_hand)]
    for name, value, words in (
        ("x", 3, "A blob 3 pixels right"),
        ("y", 2, "and -2 above"),
        ("distance", 60, "at 60 cm"),
        ("radius", 4.5, "radius 4.5 cm"),
    ):
        scene_by_hand.controls[name].value = value
        pages.append(picture(scene_by_hand))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


# --- faces ---------------------------------------------------------------------------------------


def test_portrait_flips_what_is_ticked(portrait):
    plain = shown(portrait.render(angle=0, eyes=False, mouth=False), 0).astype(int)
    eyes = shown(portrait.render(angle=0, eyes=True, mouth=False), 0).astype(int)
    mouth = shown(portrait.render(angle=0, eyes=False, mouth=True), 0).astype(int)
    rows_of_eyes, rows_of_mouth = ((plain != one).any((1, 2)).nonzero()[0] for one in (eyes, mouth))
    side = plain.shape[0] / 208
    top, bottom = faces.PORTRAIT_BOXES["left eye"][0], faces.PORTRAIT_BOXES["right eye"][1]
    assert top * side - 1 < rows_of_eyes.min() < rows_of_eyes.max() < bottom * side + 1
    top, bottom, _, _ = faces.PORTRAIT_BOXES["mouth"]
    assert top * side - 1 < rows_of_mouth.min() < rows_of_mouth.max() < bottom * side + 1
    over = shown(portrait.render(angle=180, eyes=True, mouth=False), 0).astype(int)
    assert np.abs(over - eyes[::-1, ::-1]).max() <= 1


def test_portrait_follows_its_controls(portrait):
    portrait.set(angle=180, eyes=True, mouth=True)
    before = picture(portrait)
    assert "turned by 180 degrees, with eyes and mouth flipped" in before
    portrait.controls["mouth"].value = False
    assert "with the eyes flipped" in picture(portrait)
    portrait.controls["eyes"].value = False
    assert "with nothing flipped" in picture(portrait)
    portrait.controls["angle"].value = 30
    assert "turned by 30 degrees" in picture(portrait)
    portrait.widget.children[0].children[-1].click()  # reset
    assert picture(portrait) == before


@pytest.mark.parametrize("angle", [0, 90, 180])
@pytest.mark.parametrize("parts", [(False, False), (True, False), (True, True)])
def test_flipped_face_shows_what_the_network_says(flipped_face, watcher, angle, parts):
    images, boxes = faces.draw_faces(8, 5)
    which = [0, 1] * parts[0] + [2] * parts[1]
    if which:
        images = faces.flip_parts(images, boxes[:, which])
    turned = rotate(images, angle, fill=int(faces.draw_faces(8, 5)[0][:, 0, 0].float().mean()))
    says = predict(watcher, turned).softmax(1)[:, 1]
    figure = flipped_face.render(angle=angle, eyes=parts[0], mouth=parts[1])
    assert np.array_equal(shown(figure, 0), turned[0, 0])
    *lines, mark, _ = figure.axes[1].lines
    assert mark.get_ydata()[0] == pytest.approx(says[0].item(), abs=1e-5)
    bold = max(lines, key=lambda line: line.get_linewidth())
    assert bold.get_ydata()[angle // 15] == pytest.approx(says.mean().item(), abs=1e-5)
    assert f"{says[0]:.2f}" in flipped_face.alt(angle=angle, eyes=parts[0], mouth=parts[1])


def test_flipped_face_follows_its_controls(flipped_face):
    pages = [picture(flipped_face)]
    for name, value, words in (
        ("angle", 45, "turned by 45 degrees"),
        ("eyes", True, "with the eyes flipped"),
        ("mouth", True, "with eyes and mouth flipped"),
    ):
        flipped_face.controls[name].value = value
        pages.append(picture(flipped_face))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


# --- training angles -----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [(0, 0, 3), (180, 90, 5), (0, 180, 12)])
def test_training_angles_shows_the_verdict_of_the_chosen_network(
    training_angles, nets, fashion, state
):
    reach, angle, item = state
    turned = rotate(fashion.test.images[item : item + 1], angle)
    said = fashion.classes[predict(nets[reach], turned).argmax()]
    truth = fashion.classes[fashion.test.labels[item]]
    figure = training_angles.render(reach=reach, angle=angle, item=item)
    assert np.array_equal(shown(figure, 0), turned[0, 0])
    assert figure.axes[0].get_title("left") == f"{'✓' if said == truth else '✗'} “{said}”"
    bold = max(figure.axes[1].lines[:2], key=lambda line: line.get_linewidth())
    assert bold.get_label() == ("upright only" if reach == 0 else "up to ±180°")
    alt = training_angles.alt(reach=reach, angle=angle, item=item)
    assert f"A {truth} turned by {angle} degrees" in alt
    assert f"says {said}" in alt


def test_training_angles_asks_the_chosen_network(training_angles, nets, fashion):
    one, other = (predict(net, fashion.test.images).argmax(1) for net in nets.values())
    item = int((one != other).nonzero()[0])
    said = [training_angles.alt(reach=reach, angle=0, item=item) for reach in nets]
    for alt, answer in zip(said, (one[item], other[item]), strict=True):
        assert f"says {fashion.classes[answer]}." in alt


def test_training_angles_follows_its_controls(training_angles):
    training_angles.set(reach=0, angle=0, item=0)
    pages = [picture(training_angles)]
    for name, value, words in (
        ("angle", 180, "turned by 180 degrees"),
        ("reach", 180, "angles up to 180 degrees"),
        ("item", 4, "right in 0.60"),
    ):
        training_angles.controls[name].value = value
        pages.append(picture(training_angles))
        assert words in pages[-1]
    assert len({page.split("src=")[1] for page in pages}) == len(pages)


# --- where nothing can be moved ------------------------------------------------------------------

EACH = [
    ("two_senses", 4),
    ("scene_by_hand", 3),
    ("portrait", 4),
    ("flipped_face", 4),
    ("training_angles", 4),
]


@pytest.mark.parametrize(("name", "count"), EACH)
def test_film_tells_different_things_in_small_pictures(name, count, request):
    interactive = request.getfixturevalue(name)
    frames = [interactive.html(**state) for state in interactive.film]
    assert len({page.split("src=")[1] for page in frames}) == len(frames) == count
    assert max(map(len, frames)) < 60_000  # base64: 45 kB of picture
