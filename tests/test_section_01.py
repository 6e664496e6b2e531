"""Section 01: its scenes and illusions."""

import numpy as np
import torch

from cv_course import data
from cv_course.sections.s01_seeing import drills, model, play


def test_blob_is_what_the_section_renders():
    for x, y, size, brightness in ((15.5, 4.0, 3.0, 0.7), (-2.0, 40.0, 5.5, 1.0)):
        ours = model.render(x, y, size, brightness).numpy()
        assert np.allclose(ours, drills.blob(x, y, size, brightness, 32), atol=1e-6)


def test_flip_boxes_is_what_makes_the_portrait():
    grey = model.portrait()[0]
    expected = drills.flip_boxes(grey.numpy(), [*model.EYES, *model.MOUTH])
    assert np.array_equal(model.flip_parts(grey, model.EYES + model.MOUTH).numpy(), expected)


def test_soft_edges_change_nothing_outside_the_boxes_and_twice_is_none():
    whole = model.portrait()
    boxes = model.EYES + model.MOUTH
    flipped = model.flip_parts(whole, boxes, soften=5)
    changed = (flipped != whole).any(0)
    inside = torch.zeros(208, 208, dtype=torch.bool)
    for top, bottom, left, right in boxes:
        inside[top:bottom, left:right] = True
    assert not changed[~inside].any()
    assert changed.float().mean() > 0.02
    assert torch.equal(model.flip_parts(model.flip_parts(whole, boxes), boxes), whole)


def test_graphics_can_be_run_backwards_from_many_starts():
    truth = np.array([20, 11, 4, 0.9])
    image = model.render(*truth)

    def difference(table):
        return ((model.render(*table) - image) ** 2).mean().item()

    def searched(table):
        for _ in range(200):
            slopes = [
                (difference(table + up) - difference(table)) / 0.001 for up in 0.001 * np.eye(4)
            ]
            table = table - np.array([100, 100, 100, 1]) * slopes
        return table

    for start in ((12, 18, 7, 0.5), (16, 16, 5, 0.5), (25, 6, 8, 1)):
        assert abs(searched(np.array(start)) - truth).max() < 0.1
    stuck = searched(np.array([2, 30, 1, 0.5]))  # problem 6: smaller than a pixel, all black
    assert stuck[2] < 0.3
    assert model.render(*stuck).max() < 0.01


def test_turn_and_same_image_draw_what_they_say():
    _, alt = play.turn().draw(angle=0)
    assert "turned by 0 degrees" in alt
    assert "mouth" in alt
    assert "mouth" not in play.turn().draw(angle=180)[1]  # what the reader is to guess
    _, alt = play.same_image().draw(distance=160, radius=24)
    assert "are equal" in alt
    _, alt = play.same_image().draw(distance=160, radius=12)
    assert "are different" in alt


def test_upside_down_turns_by_180_degrees():
    split = data.fashion_mnist().train[:3]
    turned = model.upside_down(split).images
    assert torch.equal(turned[0, 0, 0, :], split.images[0, 0, 27].flip(0))
