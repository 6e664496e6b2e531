"""The networks of the course, written to be read.

Every model takes images as floats in [0, 1], N x C x H x W, and returns N x classes scores.
"""
