"""The exercises of section 04."""

import numpy as np

from cv_course.drill import Case, Question


def _images_and_layers(rng: np.random.Generator):
    yield Case(
        "one image of 1 x 2 pixels, two classes",
        (np.array([[[[1.0, 3.0]]]]), np.array([[2.0, 0.0], [-1.0, 4.0]]), np.array([0.5, 10.0])),
    )
    yield Case(
        "three images of 4 x 4 pixels, sixteen classes",
        (rng.random((3, 1, 4, 4)), rng.normal(size=(16, 16)), rng.normal(size=16)),
    )
    yield Case(
        "four images with 3 channels of 2 x 5 pixels, seven classes",
        (rng.random((4, 3, 2, 5)), rng.normal(size=(7, 30)), rng.normal(size=7)),
    )


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


linear_scores = Question(
    name="linear_scores",
    contract=(
        "images (N, C, H, W), W (K, C·H·W), b (K,), NumPy arrays -> (N, K): for each image and "
        "each class the weighted sum of all pixels plus the bias."
    ),
    cases=_images_and_layers,
    reference=lambda images, W, b: _flat(images) @ W.T + b,
    diagnoses=(
        (lambda images, W, b: _flat(images) @ W.T, "the bias is missing; add b."),
        (
            lambda images, W, b: (_flat(images) @ W.T + b).T,
            "the matrix is transposed: one row an image, one column a class.",
        ),
        (
            lambda images, W, b: _flat(images) @ W + b,
            "that is x @ W; the rows of W are the templates, so multiply by the transpose, W.T.",
        ),
        (
            lambda images, W, b: _flat(images) @ W.T - b,
            "the bias is added, not subtracted (it is not a threshold).",
        ),
        (
            lambda images, W, b: images.transpose(0, 2, 3, 1).reshape(len(images), -1) @ W.T + b,
            "the channels were moved to the end before the image was laid out in a row; a weight "
            "then meets another pixel than its own. reshape alone keeps the order C, H, W.",
        ),
        (
            lambda images, W, b: images.transpose(0, 1, 3, 2).reshape(len(images), -1) @ W.T + b,
            "rows and columns were exchanged before the image was laid out in a row.",
        ),
        (
            lambda images, W, b: _softmax(_flat(images) @ W.T + b),
            "these are probabilities: a softmax was applied. The score is what goes into it.",
        ),
        (
            lambda images, W, b: (_flat(images) @ W.T + b).argmax(axis=1),
            "that is the winner; return all the scores, one for each class.",
        ),
    ),
    hints=(
        "Lay each image out in a row: images.reshape(len(images), -1) has the shape (N, C·H·W).",
        "A row of W belongs to a class, a row of the images to an image. Which matrix product "
        "pairs every image with every class?",
        "rows @ W.T has the shape (N, K); b is added to each of its rows by broadcasting.",
    ),
)


def _labelled(rng: np.random.Generator):
    yield Case(
        "three images of 2 pixels, two classes",
        (np.array([[3.0, 0.0], [0.0, 6.0], [3.0, 3.0]]), np.array([0, 1, 1]), 2),
    )
    labels = np.array([0] * 7 + [1] * 2 + [2] * 3)
    yield Case("twelve images, three classes of different size", (rng.random((12, 5)), labels, 3))
    yield Case("a fourth class of which there is no image", (rng.random((12, 5)), labels, 4))


def _one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[labels]


def _class_means(X: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    members = _one_hot(labels, classes)
    return members.T @ X / members.sum(axis=0)[:, None]


first_step = Question(
    name="first_step",
    contract=(
        "X (N, D) images as rows, labels (N,) from 0 to classes - 1, classes (a number K) -> "
        "(K, D): minus the gradient, at weights and biases zero, of the mean cross-entropy."
    ),
    cases=_labelled,
    reference=lambda X, labels, classes: (_one_hot(labels, classes) - 1 / classes).T @ X / len(X),
    diagnoses=(
        (
            lambda X, labels, classes: (1 / classes - _one_hot(labels, classes)).T @ X / len(X),
            "the sign: that is the gradient itself, and the step goes against it.",
        ),
        (
            lambda X, labels, classes: (_one_hot(labels, classes) - 1 / classes).T @ X,
            "the sum over the images was not divided by their number N.",
        ),
        (
            lambda X, labels, classes: _class_means(X, labels, classes) - X.mean(axis=0),
            "that is the average of the class minus the average of all; the two still need their "
            "factors, the share of the class and 1/K.",
        ),
        (
            lambda X, labels, classes: (
                (_class_means(X, labels, classes) - X.mean(axis=0)) / classes
            ),
            "1/K stands for the share of the class. That is right only where all the classes have "
            "equally many images.",
        ),
        (
            lambda X, labels, classes: _one_hot(labels, classes).T @ X / len(X),
            "only the images of the class itself count here; every image also pushes with -1/K, "
            "since each class starts with the probability 1/K.",
        ),
        (
            lambda X, labels, classes: (
                _one_hot(labels, classes).mean(axis=0)[:, None] * _class_means(X, labels, classes)
                - X.mean(axis=0) / classes
            ),
            "0/0: a class without images has no average. Sum its images and divide by N; its "
            "share is then 0 by itself.",
        ),
        (
            lambda X, labels, classes: _class_means(X, labels, classes),
            "these are the averages of the classes alone.",
        ),
    ),
    hints=(
        "With all weights zero, what probability does each class get from the softmax?",
        "The derivative of the cross-entropy by the score of class c is p_c - 1 where c is the "
        "label and p_c elsewhere; by W_c it is that number times the image. Average over N.",
        "With T (N, K), the labels as one-hot rows (np.eye(classes)[labels]): "
        "(T - 1 / classes).T @ X / N.",
    ),
)


def _pictures_and_details(rng: np.random.Generator):
    yield Case(
        "a picture of 3 x 4 pixels, a detail of 2 x 2",
        (
            np.array([[0.0, 1, 2, 0], [1, 2, 1, 4], [0, 2, 0, 5]]),
            np.array([[1.0, 0], [2, 1]]),
        ),
    )
    picture = np.zeros((5, 6))
    picture[3:, 4:] = detail = np.array([[1.0, 3], [-2, 4]])
    yield Case("the detail sits in the last corner", (picture, detail))
    yield Case("a detail that fits nowhere well", (-rng.random((6, 5)), rng.random((3, 2))))
    yield Case(
        "bytes, and a detail as large as the picture",
        (rng.integers(100, 256, (4, 3), dtype=np.uint8), np.full((4, 3), 2, dtype=np.uint8)),
    )
    yield Case("a random picture of 9 x 7", (rng.normal(size=(9, 7)), rng.normal(size=(3, 3))))


def _products(image, template, spare: int = 0) -> np.ndarray:
    """Inner products at every place, the last ``spare`` rows and columns of places left out."""
    height, width = template.shape
    rows, columns = image.shape[0] - height + 1 - spare, image.shape[1] - width + 1 - spare
    return np.array(
        [
            [(image[y : y + height, x : x + width] * template).sum() for x in range(columns)]
            for y in range(rows)
        ]
    )


def _floats(*arrays) -> list[np.ndarray]:
    return [np.asarray(array, dtype=float) for array in arrays]


def _normalised(image, template) -> float:
    image, template = _floats(image, template)
    lengths = np.sqrt(_products(image**2, np.ones_like(template))) * np.linalg.norm(template)
    return (_products(image, template) / lengths).max()


best_score = Question(
    name="best_score",
    contract=(
        "image (H, W), template (h, w), no larger -> a number: the largest inner product of the "
        "template with a window of its size, over all places where it fits into the image."
    ),
    cases=_pictures_and_details,
    reference=lambda image, template: _products(*_floats(image, template)).max(),
    diagnoses=(
        (
            lambda image, template: _products(*_floats(image, template))[0, 0],
            "only the place in the upper left corner was tried.",
        ),
        (
            lambda image, template: _products(*_floats(image, template), spare=1).max(),
            "the last place is missing: of H rows and a template of h there are H - h + 1 places.",
        ),
        (
            lambda image, template: _products(*_floats(image, template[::-1, ::-1])).max(),
            "the template was turned by 180 degrees; that is a convolution in the mathematician's "
            "sense (scipy.signal.convolve). Here it is laid on the image as it is.",
        ),
        (
            lambda image, template: max(0.0, _products(*_floats(image, template)).max()),
            "all products can be negative; start from -infinity, not from 0.",
        ),
        (
            lambda image, template: _products(*_floats(image, template)).sum(),
            "the products of all places were added up; the best place alone counts.",
        ),
        (
            lambda image, template: _products(*_floats(image, template)).mean(),
            "that is the mean over the places; the best place alone counts.",
        ),
        (
            lambda image, template: np.abs(_products(*_floats(image, template))).max(),
            "the sign was dropped: a strongly negative product is the opposite of a match.",
        ),
        (
            _normalised,
            "you divided by the lengths: that is the cosine. Here the plain inner product is asked "
            "for.",
        ),
    ),
    hints=(
        "How many places are there for a template of h rows in an image of H rows? One more than "
        "the difference.",
        "Two loops over the upper left corners; the window is image[y : y + h, x : x + w].",
        "Collect (window * template).sum() for all y in range(H - h + 1) and x in "
        "range(W - w + 1), and take the max. (Bytes wrap around: make floats first.)",
    ),
)

QUESTIONS = (linear_scores, first_step, best_score)
