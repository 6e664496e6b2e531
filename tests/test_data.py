"""The data sets: what is in them, and that a damaged or missing file is explained."""

import gzip
import hashlib
import io
import shutil
import struct

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from cv_course import data, files
from cv_course.data import DataError, Split

needs_real_files = pytest.mark.skipif(
    not data.DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist"
)


@pytest.fixture(scope="module")
def mini():
    return data.fashion_mnist()


def real(name: str) -> np.ndarray:
    """An IDX file, read without torchvision: magic number, sizes, bytes."""
    content = gzip.decompress((data.DEBIAN / f"{name}-ubyte.gz").read_bytes())
    sizes = struct.unpack_from(f">{content[3]}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes)


# --- the mini set --------------------------------------------------------------------------------


def test_mini_set_has_1000_and_200_images_of_each_class(mini):
    for split, count in ((mini.train, 1000), (mini.test, 200)):
        assert split.images.shape == (10 * count, 1, 28, 28)
        assert split.images.dtype == torch.uint8
        assert split.labels.bincount().tolist() == [count] * 10


@pytest.mark.parametrize("first", [10, 100, 990, 7])
def test_first_images_of_the_mini_set_are_balanced(mini, first):
    for split in (mini.train, mini.test):
        counts = split[:first].labels.bincount(minlength=10)
        assert counts.max() - counts.min() <= 1


@needs_real_files
@pytest.mark.parametrize("part", ["train", "t10k"])
def test_mini_set_holds_the_first_real_images_of_each_class(mini, part):
    split = mini.train if part == "train" else mini.test
    images, labels = real(f"{part}-images-idx3"), real(f"{part}-labels-idx1")
    for label in range(10):
        ours = split.images[split.labels == label, 0].numpy()
        assert np.array_equal(ours, images[labels == label][: len(ours)])


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_damaged_mini_file_is_refused_with_name_checksums_and_remedy(damage, tmp_path, monkeypatch):
    content = (files.resources.files("cv_course") / "_data" / files.MINI).read_bytes()
    damaged = {"truncated": content[:-1000], "altered": content[:-1] + b"?"}.get(damage)
    folder = tmp_path / "_data"
    folder.mkdir()
    if damaged:
        (folder / files.MINI).write_bytes(damaged)
    monkeypatch.setattr(files.resources, "files", lambda _: tmp_path)
    with pytest.raises(DataError) as caught:
        data.fashion_mnist()
    told = [str(folder / files.MINI), "pip install --force-reinstall --no-deps cv-course"]
    if damaged:
        told += [hashlib.sha256(one).hexdigest() for one in (content, damaged)]
        told += [f"{len(damaged):,} bytes"]
    for part in told:
        assert part in str(caught.value)


def test_the_mini_set_without_its_test_images_is_whole(mini, tmp_path, monkeypatch):
    (tmp_path / "_data").mkdir()
    (tmp_path / "_data" / files.MINI).write_bytes(files.without_test())
    monkeypatch.setattr(files.resources, "files", lambda _: tmp_path)
    other = data.fashion_mnist()
    assert torch.equal(other.train.images, mini.train.images)
    assert torch.equal(other.test.labels, mini.test.labels)
    known = {image.numpy().tobytes() for image in other.test.images}
    assert not known & {image.numpy().tobytes() for image in mini.test.images}
    assert known <= {image.numpy().tobytes() for image in mini.train.images}
    assert files.without_test() == files.without_test()


# --- the full set --------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the full set is kept, empty; the internet is out of reach."""
    from torchvision.datasets import FashionMNIST

    def unreachable(self):
        raise OSError("Name or service not known")

    monkeypatch.setenv("CV_COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(FashionMNIST, "download", unreachable)
    return tmp_path / "FashionMNIST" / "raw"


@needs_real_files
def test_full_set_is_the_real_one(folder):
    full = data.fashion_mnist(full=True)
    for part, split, count in (("train", full.train, 60_000), ("t10k", full.test, 10_000)):
        assert split.images.shape == (count, 1, 28, 28)
        assert np.array_equal(split.images[:, 0].numpy(), real(f"{part}-images-idx3"))
        assert np.array_equal(split.labels.numpy(), real(f"{part}-labels-idx1"))
    assert full.classes == data.FASHION_CLASSES


@needs_real_files
def test_damaged_file_of_the_full_set_is_refused_and_fetched_anew(folder):
    folder.mkdir(parents=True)
    for packed in data.DEBIAN.glob("*.gz"):
        (folder / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    file = folder / "t10k-images-idx3-ubyte"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"?")
    with pytest.raises(DataError) as caught:
        data.fashion_mnist(full=True)
    checksums = (hashlib.sha256(one).hexdigest() for one in (content, file.read_bytes()))
    advice = f"Delete {folder} and call fashion_mnist(full=True) again"
    for part in (f"{file} is damaged", *checksums, advice):
        assert part in str(caught.value)
    shutil.rmtree(folder)  # what the message says helps
    assert len(data.fashion_mnist(full=True).train) == 60_000


def test_without_files_and_internet_the_error_names_three_ways_out(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DEBIAN", tmp_path / "nothing here")
    with pytest.raises(DataError) as caught:
        data.fashion_mnist(full=True)
    ways_out = "internet", "apt install dataset-fashion-mnist", "mini set: fashion_mnist()"
    for part in (f"not in {folder}", "Name or service not known", *ways_out):
        assert part in str(caught.value)


@needs_real_files
def test_damaged_file_of_the_distribution_is_named(folder, tmp_path, monkeypatch):
    source = tmp_path / "debian"
    shutil.copytree(data.DEBIAN, source)
    name = "t10k-labels-idx1-ubyte.gz"
    (source / name).write_bytes((source / name).read_bytes()[:-100])
    monkeypatch.setattr(files, "DEBIAN", source)
    with pytest.raises(DataError, match=f"{name}.*apt install --reinstall dataset-fashion-mnist"):
        data.fashion_mnist(full=True)


# --- the others ----------------------------------------------------------------------------------


def test_digits_are_split_4_to_1_and_cover_all_grey_levels():
    digits = data.digits()
    assert digits.train.images.shape == (1438, 1, 8, 8)
    assert digits.test.images.shape == (359, 1, 8, 8)
    assert (int(digits.train.images.min()), int(digits.train.images.max())) == (0, 255)
    assert len(digits.train.images.unique()) == 17
    assert digits.classes == tuple("0123456789")
    test, train = (split.labels.bincount(minlength=10) for split in (digits.test, digits.train))
    assert (test - (test + train) / 5).abs().max() < 1
    total = digits.train.images.long().sum() + digits.test.images.long().sum()
    assert total == int((load_digits().images * (255 / 16)).round().sum())  # no image is in both


def test_photos_are_colour_images_with_distinct_channels():
    photos = data.photos()
    assert sorted(photos) == ["astronaut", "camera", "cat", "coffee", "rocket"]
    assert {photo.shape for photo in data.photos(224).values()} == {(3, 224, 224)}
    for name, photo in photos.items():
        assert (photo.dtype, photo.shape[0]) == (torch.uint8, 3)
        assert photo.is_contiguous()
        assert torch.equal(photo[0], photo[2]) == (name == "camera")  # the grey one
    assert photos["cat"].shape == (3, 300, 451)


def test_as_float_maps_0_and_255_to_0_and_1_and_leaves_floats():
    whole = torch.tensor([0, 51, 255], dtype=torch.uint8)
    assert data.as_float(whole).tolist() == pytest.approx([0, 0.2, 1])
    floats = torch.rand(3)
    assert data.as_float(floats) is floats


def test_data_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("CV_COURSE_DATA", str(tmp_path))
    assert data.data_folder() == tmp_path
    monkeypatch.setenv("CV_COURSE_DATA", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.data_folder() == tmp_path / ".cache" / "cv_course"


# --- Dataset and Split ---------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("Trouser", "Bag"), ("Coat", "Bag", "Shirt")])
def test_only_some_classes_numbered_in_the_order_given(mini, names):
    chosen = mini.only(*names)
    assert chosen.classes == names
    for part, whole in ((chosen.train, mini.train), (chosen.test, mini.test)):
        told = [mini.classes[label] for label in whole.labels]
        keep = [position for position, name in enumerate(told) if name in names]
        assert [names[label] for label in part.labels] == [told[position] for position in keep]
        assert torch.equal(part.images, whole.images[keep])


def test_a_class_that_does_not_exist_is_named_beside_those_that_do(mini):
    with pytest.raises(ValueError, match=r"no class 'Boot'; the classes are T-shirt, .*Ankle boot"):
        mini.only("Bag", "Boot")


def test_split_is_indexed_by_slice_mask_and_positions(mini):
    part = mini.train[:20]
    assert len(part) == 20
    for index, places in ((part.labels == 8, [8, 18]), (torch.tensor([3, 1]), [3, 1]), ([], [])):
        assert part[index].labels.tolist() == [place % 10 for place in places]
        assert torch.equal(part[index].images, part.images[places])
    assert Split(part.images, part.labels).images is part.images  # no copy
    with pytest.raises(ValueError, match="got 20 images, 1 labels"):
        Split(part.images, part.labels[:1])


def encoded(picture, kind, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_an_own_photo_from_path_and_from_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels), "png")
    (tmp_path / "mine.png").write_bytes(content)
    expected = torch.from_numpy(pixels).permute(2, 0, 1)
    for source in (content, tmp_path / "mine.png", str(tmp_path / "mine.png"), "~/mine.png"):
        found = data.photo(source)
        assert found.dtype == torch.uint8
        assert torch.equal(found, expected)


def test_an_own_photo_is_turned_upright_made_rgb_and_smaller():
    lying = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    turned = data.photo(encoded(lying, "png", exif=exif))
    assert turned.shape == (3, 3, 2)
    assert torch.equal(turned[0], torch.tensor([[120, 0], [160, 40], [200, 80]], dtype=torch.uint8))
    large = Image.new("RGB", (3000, 1500), (1, 2, 3))
    assert data.photo(encoded(large, "png")).shape == (3, 512, 1024)
    assert data.photo(encoded(large, "png"), longest=30).shape == (3, 15, 30)


@pytest.mark.parametrize(
    ("mode", "colour", "seen"),
    [
        ("LA", (90, 0), 255),
        ("LA", (90, 255), 90),
        ("RGBA", (0, 0, 0, 51), 204),
    ],
)
def test_transparency_is_white(mode, colour, seen):
    picture = Image.new(mode, (5, 4), colour)
    assert data.photo(picture).unique().tolist() == [seen]
    assert picture.mode == mode


@pytest.mark.parametrize(
    "upload",
    [
        lambda content: {"mine.png": content},  # Colab's files.upload()
        lambda content: ({"name": "mine.png", "content": memoryview(content)},),  # ipywidgets 8
        lambda content: {"mine.png": {"metadata": {}, "content": content}},  # ipywidgets 7
        io.BytesIO,
    ],
)
def test_what_an_upload_gives_is_a_photo(upload):
    content = encoded(Image.new("RGB", (5, 4), (1, 2, 3)), "png")
    assert data.photo(upload(content))[:, 0, 0].tolist() == [1, 2, 3]


def test_what_is_no_picture_is_refused_in_words(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    half = encoded(Image.new("RGB", (300, 300), (9, 9, 9)), "jpeg")[:500]
    for source, word in (
        (tmp_path / "notes.txt", "notes.txt is not a picture"),
        (b"", "bytes"),
        (b"GIF89a", "JPEG, PNG"),
        (half, "not a picture"),
        ((), "tuple"),
        (torch.zeros(3, 4, 4), "Tensor"),
        (tmp_path / "missing.png", "there is no file"),
        (tmp_path, "not a picture"),
    ):
        with pytest.raises(ValueError, match=word):
            data.photo(source)


def test_fitted_keeps_the_middle_and_the_proportions():
    wide = torch.zeros(3, 40, 100, dtype=torch.uint8)
    wide[:, :, 30:70] = 200  # the middle square
    assert data.fitted(wide, 20, 20).unique().tolist() == [200]
    assert data.fitted(wide.transpose(1, 2), 20, 20).unique().tolist() == [200]
    assert data.fitted(wide, 40, 100).equal(wide)
    assert data.fitted(wide, 80, 200).shape == (3, 80, 200)
