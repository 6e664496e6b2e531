"""What a network looks at: each tool against Captum where it has it, or a slow reference."""

import copy

import pytest
import torch
from captum import attr
from notebook_code import from_notebook
from scipy.stats import spearmanr
from torch import nn

from cv_course.attribution import cover, occlusion
from cv_course.models.averaged import AveragedConv
from cv_course.models.s11_inside import (
    activations,
    enlarge,
    filters,
    grad_cam,
    gradient,
    per_pixel,
    randomised,
    rank_correlation,
    saliency,
)


class Brightness(nn.Module):
    """Two classes; their scores differ by the sum of the pixels of the left half."""

    def forward(self, images):
        total = images[..., : images.shape[-1] // 2].sum((1, 2, 3))
        return torch.stack([total, 0 * total], dim=1)


def test_cover_fills_the_square_and_nothing_else():
    images = torch.arange(1, 25).view(1, 1, 4, 6)
    covered = cover(images, 1, 2, 2, fill=99)
    assert covered[0, 0, 1:3, 2:4].unique().tolist() == [99]
    assert (covered != images).sum() == 4
    assert images.min() == 1  # the images themselves are not changed


@pytest.mark.parametrize(("top", "left", "count"), [(-1, -1, 1), (3, 5, 1), (3, 0, 2), (-5, 0, 0)])
def test_cover_leaves_out_what_would_lie_outside(top, left, count):
    images = torch.ones(2, 1, 4, 6)
    assert (cover(images, top, left, 2) == 0).sum() == 2 * count


def test_occlusion_is_the_fall_of_the_probability():
    lot = torch.Generator().manual_seed(0)
    images, labels = torch.rand(3, 1, 8, 10, generator=lot), torch.tensor([0, 1, 0])
    drops = occlusion(Brightness(), images, labels, size=3, step=2, fill=0.5)
    assert drops.shape == (3, 3, 4)
    free = Brightness()(images).softmax(1)
    for place in range(12):
        y, x = divmod(place, 4)
        changed = images.clone()
        changed[:, :, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3] = 0.5
        expected = (free - Brightness()(changed).softmax(1))[torch.arange(3), labels]
        torch.testing.assert_close(drops[:, y, x], expected)
    assert drops[:, :, 3].abs().max() == 0  # columns 6 to 8: the right half does not matter
    assert drops[:, :, 0].abs().max() > 0


def test_occlusion_is_the_notebooks_map():
    (solution,) = from_notebook("02_features_by_hand_or_learned", "occlusion_map")
    image = torch.rand(6, 8, generator=torch.Generator().manual_seed(1))

    def score(images):
        return Brightness()(torch.as_tensor(images)[:, None]).softmax(1)[:, 0].numpy()

    ours = occlusion(Brightness(), image[None, None], torch.tensor([0]), size=2, step=1)[0]
    torch.testing.assert_close(
        ours.double(), torch.from_numpy(solution(score, image.numpy(), 2)), atol=1e-6, rtol=0
    )


def test_what_makes_no_sense_is_refused():
    images, labels = torch.zeros(1, 1, 4, 6), torch.tensor([0])
    with pytest.raises(ValueError, match="image\\[None\\]"):
        cover(images[0], 0, 0, 2)
    for options in ({"size": 5}, {"size": 0}, {"size": 2, "step": 0}):
        with pytest.raises(ValueError, match="from 1 to 4"):
            occlusion(Brightness(), images, labels, **options)


# --- against Captum ------------------------------------------------------------------------------


class Toy(nn.Module):
    """Two channels of colour, in-place ReLUs, dropout, and a head that is not an average."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 5, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(5, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 5 * 7, 6))
        self.unused = nn.Conv2d(1, 1, 1)

    def forward(self, images):
        return self.head(self.body(images))


@pytest.fixture(params=[0, 1])
def given(request):
    torch.manual_seed(request.param)
    model = Toy()
    model.body[4].running_mean.normal_()
    model.head[2].weight.data.mul_(30)  # so that all maps are far larger than the tolerance
    images = torch.rand(4, 2, 10, 14)
    return model.eval(), images, torch.tensor([0, 5, 2, 2])


def test_gradient_and_saliency_are_captums(given):
    model, images, labels = given
    ours = gradient(model, images, labels)
    theirs = attr.Saliency(model).attribute(images.clone(), labels, abs=False)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(saliency(model, images, labels), theirs.abs().amax(1))
    times = attr.InputXGradient(model).attribute(images.clone(), labels)
    torch.testing.assert_close(ours * images, times, atol=1e-6, rtol=1e-4)
    assert ours.abs().max() > 0.01


def test_guided_backpropagation_is_captums(given):
    model, images, labels = given
    for part in model.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False  # Captum cannot
    theirs = attr.GuidedBackprop(model).attribute(images.clone(), labels)
    plain = gradient(model, images, labels)
    for inplace in (False, True):
        for part in model.modules():
            if isinstance(part, nn.ReLU):
                part.inplace = inplace
        ours = gradient(model, images, labels, guided=True)
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)
    assert (ours - plain).abs().max() > 0.01
    torch.testing.assert_close(gradient(model, images, labels), plain)  # no hook was left behind


@pytest.mark.parametrize("layer", ["body.0", "body.2", "body.3", "body"])
def test_grad_cam_is_captums(given, layer):
    model, images, labels = given
    ours = grad_cam(model, images, labels, layer)
    for part in model.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False  # Captum would show what the ReLU left of a convolution
    part = dict(model.named_modules())[layer]
    cam = attr.LayerGradCam(model, part)
    theirs = cam.attribute(images.clone(), labels, relu_attributions=True)
    torch.testing.assert_close(ours, theirs[:, 0].detach(), atol=1e-6, rtol=1e-4)
    assert ours.max() > 0.005
    larger = attr.LayerAttribution.interpolate(theirs, (10, 14), "bilinear")
    torch.testing.assert_close(enlarge(ours, (10, 14)), larger[:, 0].detach(), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("layer", ["body.0", "body.5", "head.2"])
def test_activations_are_captums_whatever_the_batch(given, layer):
    model, images, _ = given
    part = dict(model.named_modules())[layer]
    ours = activations(model, images, layer, batch_size=3)
    if layer == "body.0":
        assert ours.min() < 0  # not what the in-place ReLU behind it makes of it
        model.body[1].inplace = False
    theirs = attr.LayerActivation(model, part).attribute(images)
    torch.testing.assert_close(ours, theirs.detach(), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(("size", "step", "fill"), [(4, 2, 0), (2, 2, 0.3), (6, 1, 1)])
def test_occlusion_for_each_pixel_is_captums(given, size, step, fill):
    model, images, labels = given
    drops = occlusion(model, images, labels, size, step, fill)
    ours = per_pixel(drops, (10, 14), size, step)
    theirs = attr.Occlusion(lambda images: model(images).softmax(1)).attribute(
        images, (2, size, size), target=labels, strides=(2, step, step), baselines=fill
    )
    for channel in range(2):
        torch.testing.assert_close(ours, theirs[:, channel].detach().float(), atol=1e-6, rtol=1e-4)


# --- the rest ------------------------------------------------------------------------------------


def test_bytes_count_as_parts_of_255(given):
    model, images, labels = given
    whole = (images * 255).to(torch.uint8)
    torch.testing.assert_close(saliency(model, whole, labels), saliency(model, whole / 255, labels))
    torch.testing.assert_close(
        activations(model, whole, "head"), activations(model, whole / 255, "head")
    )


def test_the_model_is_left_as_it_was(given):
    model, images, labels = given
    model.train()
    model.head.eval()
    before = copy.deepcopy(model.state_dict())
    for run in (
        lambda: gradient(model, images, labels, guided=True),
        lambda: grad_cam(model, images, labels, "body.3"),
        lambda: activations(model, images, "body"),
        lambda: randomised(model),
    ):
        with torch.no_grad():
            run()
        assert model.training
        assert model.body.training
        assert not model.head.training
        assert all(p.grad is None for p in model.parameters())
        assert not any(part._forward_hooks for part in model.modules())
    torch.testing.assert_close(model.state_dict(), before)


def test_grad_cam_of_averages_is_the_class_activation_map():
    torch.manual_seed(0)
    model = AveragedConv().eval()
    images, labels = torch.rand(3, 1, 28, 28), torch.tensor([1, 5, 9])
    maps = activations(model, images, "features.stage3")
    cam = torch.einsum("nchw,nc->nhw", maps, model.scores.weight.detach()[labels])
    torch.testing.assert_close(
        grad_cam(model, images, labels, "features.stage3"), cam.relu() / 49, atol=1e-6, rtol=1e-4
    )
    scores = (cam.mean((1, 2)) + model.scores.bias[labels]).detach()
    torch.testing.assert_close(scores, model(images).detach()[range(3), labels])


def test_filters_are_a_copy():
    model = AveragedConv()
    found = filters(model, "features.stage2.0")
    assert torch.equal(found, model.features.stage2[0].weight)
    found.zero_()
    assert model.features.stage2[0].weight.abs().max() > 0


def test_randomised_forgets_what_is_named_and_nothing_else():
    torch.manual_seed(0)
    model = AveragedConv()
    for parameter in model.parameters():
        parameter.data.fill_(7)
    model.features.stage3[1].running_mean.fill_(7)
    state = torch.get_rng_state()
    other = randomised(model, "scores", "features.stage3", seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    forgotten = {n for n, value in other.state_dict().items() if not (value == 7).all()}
    expected = {"scores.weight", "scores.bias"} | {
        f"features.stage3.{part}" for part in ("0.weight", "1.weight", "1.bias", "1.running_mean")
    }
    counted = {n for n in forgotten if "running_var" not in n and "num_batches" not in n}
    assert counted - {f"features.stage{k}.1.running_mean" for k in (1, 2)} == expected
    again, differently = (randomised(model, "scores", seed=seed) for seed in (3, 4))
    assert torch.equal(again.scores.weight, randomised(model, "scores", seed=3).scores.weight)
    assert not torch.equal(again.scores.weight, differently.scores.weight)
    everything = randomised(model)
    assert not any((p == 7).any() for p in everything.parameters())
    assert all((p == 7).all() for p in model.parameters())


def test_rank_correlation_is_scipys_also_with_ties():
    lot = torch.Generator().manual_seed(0)
    one, other = torch.randn(2, 6, 5, 7, generator=lot)
    one[1:3] = one[1:3].clamp(min=0)
    other[2] = other[2].round()
    other[3] = one[3].exp()
    other[4] = -one[4]
    ours = rank_correlation(one, other)
    for a, b, found in zip(one, other, ours, strict=True):
        assert found.item() == pytest.approx(spearmanr(a.flatten(), b.flatten()).statistic)
    assert ours[3:5].tolist() == pytest.approx([1, -1])
    assert rank_correlation(one, torch.ones_like(one)).tolist() == [0] * 6


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.tensor([0, 1]), "4 whole numbers"),
        (torch.tensor([0.0, 1, 2, 3]), "4 whole numbers"),
        (torch.tensor([0, 1, 2, 6]), "0…5"),
        (torch.tensor([0, 1, 2, -1]), "0…5"),
    ],
)
def test_labels_that_do_not_fit_are_refused(given, labels, words):
    model, images, _ = given
    for tool in (gradient, saliency, lambda *some: grad_cam(*some, "body")):
        with pytest.raises(ValueError, match=words):
            tool(model, images, labels)


def test_layers_and_images_that_do_not_fit_are_refused(given):
    model, images, labels = given
    for name in ("body.9", "conv"):
        for tool in (
            lambda name: grad_cam(model, images, labels, name),
            lambda name: activations(model, images, name),
            lambda name: filters(model, name),
            lambda name: randomised(model, name),
        ):
            with pytest.raises(ValueError, match=r"the layers are body, body.0"):
                tool(name)
    for tool in (
        lambda n: grad_cam(model, images, labels, n),
        lambda n: activations(model, images, n),
    ):
        with pytest.raises(ValueError, match="did not run"):
            tool("unused")
    with pytest.raises(ValueError, match="without places"):
        grad_cam(model, images, labels, "head")
    with pytest.raises(ValueError, match=r"convolutions: .'body.0', 'body.3'"):
        filters(model, "body.1")
    with pytest.raises(ValueError, match="nothing is learned"):
        randomised(model, "body.2")
    with pytest.raises(ValueError, match=r"image.None."):
        saliency(model, images[0], labels[:1])
    with pytest.raises(ValueError, match=r"image.None."):
        activations(model, images[0], "body")


def test_a_layer_that_does_not_lead_to_the_scores_is_refused():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.aside, self.head = nn.Conv2d(1, 1, 1), nn.Linear(4, 2)

        def forward(self, images):
            self.aside(images)
            return self.head(images.flatten(1))

    with pytest.raises(ValueError, match="do not depend on layer 'aside'"):
        grad_cam(Aside(), torch.rand(1, 1, 2, 2), torch.tensor([0]), "aside")


def test_pixels_where_no_patch_came_have_nothing_to_say():
    spread_out = per_pixel(torch.ones(1, 2, 2), (4, 5), size=1, step=3)
    assert spread_out[0].nonzero().tolist() == [[0, 0], [0, 3], [3, 0], [3, 3]]


def test_maps_that_do_not_fit_are_refused():
    maps = torch.rand(2, 4, 6)
    with pytest.raises(ValueError, match=r"map.None."):
        enlarge(maps[0], (8, 8))
    with pytest.raises(ValueError, match="of equal shape"):
        rank_correlation(maps, maps[:, :3])
    with pytest.raises(ValueError, match=r"has .4, 6. places.*drops has .4, 5."):
        per_pixel(maps[:, :, :5], (10, 14), 4, 2)
