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
    truth = torch.tensor([20.0, 11, 4, 0.9])
    picture = model.render(*truth)
    for start in ((12.0, 18.0, 7.0, 0.5), (16.0, 16.0, 5.0, 0.5), (25.0, 6.0, 8.0, 1.0)):
        guess = torch.tensor(start, requires_grad=True)
        optimiser = torch.optim.Adam([guess], lr=0.3)
        for _ in range(201):
            optimiser.zero_grad()
            (model.render(*guess) - picture).square().mean().backward()
            optimiser.step()
        assert (guess.detach() - truth).abs().max() < 0.1


def test_turn_and_same_image_draw_what_they_say():
    _, alt = play.turn().draw(angle=0, flipped="mouth")
    assert "turned by 0 degrees" in alt
    assert "mouth" in alt
    _, alt = play.same_image().draw(distance=160, radius=24)
    assert "by 0.000" in alt
    _, alt = play.same_image().draw(distance=160, radius=12)
    assert "by 0.000" not in alt


def test_inverted_turns_by_180_degrees():
    split = data.fashion_mnist().train[:3]
    assert torch.equal(model.inverted(split).images[0, 0, 0, :], split.images[0, 0, 27].flip(0))
