"""Section 07: the papers' numbers, and its interactives."""

import numpy as np
import pytest
import torch
from torch import nn

from cv_course.data import Split, as_float
from cv_course.sections.s07_lenet import drills, play
from cv_course.sections.s07_lenet.model import (
    WithEleventhClass,
    activations,
    count,
    enlarged,
    probe,
)
from cv_course.sections.s07_lenet.original import C3_TABLE, lenet_1998

# --- exercises -----------------------------------------------------------------------------------


def test_count_partial_gives_the_papers_numbers():
    table = np.array([[source in row for source in range(6)] for row in C3_TABLE], dtype=int)
    assert drills.count_partial(table, 5, 100).tolist() == [1_516, 151_600]
    assert drills.count_partial(np.ones_like(table), 5, 100).tolist() == [2_416, 241_600]


# --- the papers' numbers -------------------------------------------------------------------------


def test_connections_are_the_papers():
    joined = [joined for _, joined in count(lenet_1998(), (1, 32, 32)).values()]
    assert joined == [122_304, 5_880, 151_600, 2_000, 48_120, 10_164, 840]
    with pytest.raises(ValueError, match="BatchNorm2d"):
        count(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval(), (1, 8, 8))


def test_activations_end_in_the_scores():
    model, images = lenet_1998(), torch.randint(0, 256, (3, 1, 32, 32), dtype=torch.uint8)
    found = activations(model, images)
    assert torch.equal(found["output"], model(as_float(images)))
    assert found["c3"].shape == (3, 16, 10, 10)


def test_enlarged_keeps_the_digit_in_the_middle():
    split = Split(torch.full((2, 1, 8, 8), 200, dtype=torch.uint8), torch.zeros(2).long())
    placed = enlarged(split, 20, 32).images
    assert (placed[..., 6:26, 6:26] == 200).all()
    assert placed.sum() == 2 * 400 * 200  # nothing outside
    with pytest.raises(ValueError, match="margin"):
        enlarged(split, 20, 31)


def test_the_eleventh_class_gives_the_papers_loss():
    network, labels = lenet_1998(), torch.tensor([3, 7])
    images, j = torch.rand(2, 1, 32, 32), 90.0
    found = nn.functional.cross_entropy(WithEleventhClass(network, j)(images), labels)
    y = -network(images).detach().double().numpy()
    right = y[np.arange(2), labels.numpy()]
    formula = np.mean(right + np.log(np.exp(-j) + np.exp(-y).sum(axis=1)))
    assert found.item() == pytest.approx(formula, abs=1e-3)
    assert drills.code_loss(y, labels.numpy(), j) == pytest.approx(formula)


# --- interactives --------------------------------------------------------------------------------


def test_the_table_says_which_maps_are_joined_and_what_it_costs():
    table = play.c3_table()
    assert "map 12 of C3 looks at the maps 0, 1, 3, 4 of S2 and has 101" in table.alt(chosen=12)
    assert "1,516 parameters and 151,600 connections" in table.alt()
    assert "2,416 parameters and 241,600 connections" in table.alt(which="full")


# --- probes --------------------------------------------------------------------------------------


def test_probe_on_components_is_the_one_by_singular_vectors():
    torch.manual_seed(0)
    both, labels = torch.randn(69, 12).double(), torch.arange(60) % 10
    known, asked = both[:60], both[60:]
    directions = torch.linalg.svd(known - known.mean(0), full_matrices=False).Vh[:4]
    expected = probe(known @ directions.T, asked @ directions.T, labels)
    assert torch.allclose(probe(known, asked, labels, 4), expected)
    assert torch.equal(probe(known, asked, labels, 12), probe(known, asked, labels))
