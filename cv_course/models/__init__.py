"""Networks and experiments that only one section uses; the others stand in ``networks``.

Every model takes images as floats in [0, 1], N x C x H x W, and returns N x classes scores.
"""
