"""Every interactive of the workbook, built from the cheapest arguments of the size it has there.

Networks are untrained, which costs a step as much as a trained one does. The browser tests, the
clock and the leak test take their interactives from here: ``BUILD[name]()``.
"""

import importlib
import inspect
import pkgutil
from functools import cache
from itertools import product

import torch
import torch.nn.functional as F
from notebook_code import from_notebook
from torch import nn

from cv_course import data, layers, sections
from cv_course.data import Split
from cv_course.film import Interactive
from cv_course.networks.alexnet import alexnet
from cv_course.networks.pretrained import EfficientNetLite0, efficientnet_lite0
from cv_course.sections.s00_start import play as start
from cv_course.sections.s01_seeing import play as seeing
from cv_course.sections.s02_features import play as edges
from cv_course.sections.s03_search import play as search
from cv_course.sections.s04_template import play as template
from cv_course.sections.s05_convolution import play as shared
from cv_course.sections.s06_heads import model as boxes
from cv_course.sections.s06_heads import play as heads
from cv_course.sections.s07_lenet import play as postal
from cv_course.sections.s07_lenet.model import activations, enlarged
from cv_course.sections.s07_lenet.original import CODES, lenet_1998
from cv_course.sections.s08_alexnet import play as alexnet_play
from cv_course.sections.s09_field import play as field
from cv_course.sections.s10_vgg import play as vgg_play
from cv_course.sections.s11_inside import model as inside
from cv_course.sections.s11_inside import play as insides
from cv_course.sections.s12_time import play as pace
from cv_course.sections.s12_time.model import ORDERS, Switches

BUILD = {}


def public() -> list[str]:
    """The names in the sections that make an interactive."""
    found = []
    for section in pkgutil.iter_modules(sections.__path__):
        play = importlib.import_module(f"cv_course.sections.{section.name}.play")
        for name, function in inspect.getmembers(play, inspect.isfunction):
            found += [name] * (function.__annotations__.get("return") is Interactive)
    return sorted(found)


def told(value):
    """A state, or one value of it, as JSON can say it."""
    if isinstance(value, dict):
        return {name: told(one) for name, one in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def described(interactive: Interactive) -> dict[str, dict]:
    """Control by control: its kind, and the values that it can have."""
    found = {}
    for name, control in interactive.controls.items():
        about = {"kind": type(control).__name__}
        if hasattr(control, "options"):
            about["options"] = [told(value) for _, value in control._options_full]
        elif hasattr(control, "step"):
            about |= {part: getattr(control, part) for part in ("min", "max", "step")}
        found[name] = about
    return found


def built(function):
    BUILD[function.__name__] = function
    return function


for make in (
    *(seeing.turn, seeing.same_image, shared.ladder, postal.c3_table, alexnet_play.towers),
    *(alexnet_play.gradients, field.layer_editor, vgg_play.stacks),
):
    built(make)


@cache
def fashion():
    return data.fashion_mnist()


@cache
def digits():
    return enlarged(data.digits().test, 20, 32)


def steady(make, *args, **kwargs) -> nn.Module:
    torch.manual_seed(0)
    return make(*args, **kwargs).eval()


def cat() -> torch.Tensor:
    return F.avg_pool2d(data.photos()["cat"].float().mean(0, keepdim=True), 2)[0].round()


@built
def pixels():
    return start.pixels(cat().to(torch.uint8))


@built
def look():
    files = {"photographer": "camera", "cat": "cat", "astronaut": "astronaut"}
    photos = {name: data.fitted(data.photos()[file], 224, 224) for name, file in files.items()}
    return start.look(efficientnet_lite0(), photos)


@built
def filter_photo():
    return edges.filter_photo(data.photos(160)["camera"])


@built
def design_feature():
    return edges.design_feature(fashion().train[:500], fashion().train[8000:], item=9)


@built
def regions():
    return search.regions(fashion().train[:2000], fashion().train[9000:])


@built
def votes():
    return search.votes(fashion().train[:2000], fashion().train[9000:])


@built
def neighbours():
    return search.neighbours(fashion().train[:8000], fashion().train[8000:])


@built
def draw_template():
    return template.draw_template(fashion(), [("Ankle boot", "Sneaker"), ("Shirt", "T-shirt")])


@built
def templates():
    differences = torch.randn(10, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    stages = {f"{n} steps": (differences * n, n / 10) for n in (1, 5, 10)}
    return template.templates(fashion().classes, differences, stages)


@built
def drag():
    networks = {
        "one layer": nn.Sequential(nn.Flatten(), nn.Linear(1296, 10)),
        "hidden layer": nn.Sequential(nn.Flatten(), nn.Linear(1296, 64), nn.Linear(64, 10)),
    }
    test = fashion().test[:200]
    canvas = Split(F.pad(test.images, [4] * 4), test.labels)
    return template.drag(networks, canvas, fashion().classes)


@built
def slide():
    return shared.slide(cat()[40:72, 70:102].numpy())


@built
def roll():
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).double()[None, None]

    def ring(images):
        return F.conv2d(F.pad(images, [1] * 4, mode="circular"), sobel).relu()

    kinds = {
        "circular padding": (ring, 1),
        "zero padding": (lambda images: F.conv2d(images, sobel, padding=1).relu(), 1),
        "2 × 2 maximum": (lambda images: F.max_pool2d(ring(images), 2), 2),
    }
    return shared.roll(cat()[24:88, 54:118], kinds)


class ThreeHeads(nn.ModuleDict):
    def forward(self, images):
        return {name: self[name](self["map"](images)) for name in ("class", "box", "mask")}


@built
def two_measures():
    scene = boxes.compose(fashion().test, 1, seed=0)
    return heads.two_measures(scene.images[0], scene.masks[0])


@built
def at_work():
    names = "linear_head", "flatten_head", "mask_head"
    linear_head, flatten_head, mask_head = from_notebook("06_backbone_and_heads", *names)
    parts = {"class": linear_head(10), "box": flatten_head(4), "mask": mask_head()}
    network = steady(ThreeHeads, {"map": boxes.backbone(), **parts})
    return heads.at_work(network, fashion().test[:20])


@built
def detector():
    pairs = boxes.compose(fashion().test, 30, objects=2, seed=1)
    draw, found = torch.Generator().manual_seed(0), []
    for true, labels in zip(pairs.boxes, pairs.labels, strict=True):
        copies = true.repeat(5, 1) + 4 * torch.rand(10, 4, generator=draw) - 2
        found.append(boxes.Detections(copies, torch.linspace(0.95, 0.4, 10), labels.repeat(5)))
    return heads.detector(found, pairs)


@built
def read_digits():
    states = activations(steady(lenet_1998), digits().images[:200])["f6"]
    return postal.read_digits(
        digits().images[:200], {"without j": states, "with j": -states}, CODES,
        digits().labels[:200], range(0, 200, 10),
    )  # fmt: skip


@built
def field_on_photo():
    with torch.device("meta"):
        table = layers.trace(alexnet().features, (3, 227, 227))
    rows = {"pool1": table["3"], "conv2": table["4"], "pool5": table["14"]}
    return field.field_on_photo(data.photos(), rows)


@built
def centring():
    return vgg_play.centring(0.286, 0.354)


@built
def transfer():
    runs = [[0.5, 0.6, 0.7], [0.55, 0.7, 0.8], [0.6, 0.7, 0.8]]
    both = dict.fromkeys(("stage 1", "stage 2"), runs)
    curves = {"trained": both, "random": both, "pixels": {"pixels": [[0.48, 0.62, 0.72]]}}
    return vgg_play.transfer(curves, [1, 5, 20])


@built
def feature_maps():
    names, networks = ["cat", "coffee"], {}
    for weights in ("trained", "random"):
        networks[weights] = EfficientNetLite0().eval()
    photos = torch.stack([data.photos(224)[name] for name in names])
    return insides.feature_maps(networks, names, data.as_float(photos))


@built
def patch():
    networks = {name: steady(inside.small_network) for name in ("ours", "rival")}
    return insides.patch(networks, fashion().test[:40], fashion().classes, list(range(20)))


@built
def switches():
    states = product([False, True], [False, True], ORDERS, [32, 128, 512])
    seconds = {Switches(*state): 1e-3 / (1 + number) for number, state in enumerate(states)}
    return pace.switches(seconds)
