"""The networks that several sections use, written to be read.

Every network takes images as floats in [0, 1], N x C x H x W, and returns N x classes scores.
"""
