"""Pictures on order: a Gaussian for each class, in a few directions of its own (section 02)."""

import math
from dataclasses import dataclass

import torch

from cv_course.data import as_float


@dataclass(frozen=True)
class ClassGaussians:
    """p(x | y) as a picture of the class's mean plus a few directions in which its members vary.

    A principal component analysis for each class; with Gaussian numbers as its coordinates it
    becomes a generator, the noiseless case of [Tipping & Bishop 1999].

    Args:
        means: classes x C x H x W, in 0 to 1.
        directions: classes x k x C x H x W, orthogonal, each as long as the standard deviation of
            the class's images along it, the longest first; the sum over the pixels is not
            negative, so that "more of it" is brighter.
    """

    means: torch.Tensor
    directions: torch.Tensor

    @classmethod
    def fit(cls, images: torch.Tensor, labels: torch.Tensor, k: int) -> "ClassGaussians":
        """From images N x C x H x W and their labels: k directions for each class.

        Raises:
            ValueError: k is not from 0 to the number of pixels, or a class has fewer than 2 images.
        """
        size = math.prod(images.shape[1:])
        if not 0 <= k <= size:
            raise ValueError(f"k is a number of directions, from 0 to {size} here; got {k}.")
        if labels.bincount().min() < 2:
            raise ValueError(
                "each class needs 2 images or more to vary; number the classes from 0 without gaps."
            )
        x, means, directions = as_float(images).flatten(1).cpu(), [], []
        for label in range(int(labels.max()) + 1):
            members = x[labels.cpu() == label]
            means.append(members.mean(0))
            values, vectors = torch.linalg.eigh(members.T.cov().double())  # smallest first
            values, vectors = values.flip(0)[:k], vectors.flip(1)[:, :k]
            vectors = vectors * torch.where(vectors.sum(0) < 0, -1.0, 1.0)
            directions.append((vectors * values.clamp_min(0).sqrt()).T.float())
        shape = images.shape[1:]
        return cls(torch.stack(means).view(-1, *shape), torch.stack(directions).view(-1, k, *shape))

    def decode(self, labels: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """The pictures of some classes (N,) at latent coordinates (N, k): N x C x H x W in 0 to 1.

        ``z`` counts in standard deviations; zeros give the mean. With fewer coordinates than k
        the others count as 0.
        """
        if z.ndim != 2 or len(z) != len(labels) or z.shape[1] > self.directions.shape[1]:
            raise ValueError(
                f"z must be ({len(labels)}, up to {self.directions.shape[1]}), one row for each "
                f"label; got {tuple(z.shape)}."
            )
        chosen = self.directions[labels, : z.shape[1]]
        return (self.means[labels] + torch.einsum("nk,nk...->n...", z, chosen)).clamp(0, 1)

    def sample(self, labels: torch.Tensor, generator: torch.Generator, k: int | None = None):
        """Draw a picture for each label; ``k`` (default: all) directions vary."""
        k = self.directions.shape[1] if k is None else k
        return self.decode(labels, torch.randn(len(labels), k, generator=generator))
