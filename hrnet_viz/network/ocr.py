"""Object-contextual representations: what stands between the two heads of an OCR net.

A first guess says how much each pixel belongs to each class. Its softmax over all *pixels* of a class weighs them, and
their weighted mean describes the object. Then every pixel asks each object how like it is, and takes what it is told.

Source: "Object-Contextual Representations for Semantic Segmentation" (arXiv 1909.11065), section 3.2.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn

from hrnet_viz.network.variants import KEY_CHANNELS, OBJECT_CHANNELS

DROPOUT = 0.05


class Regions(nn.Module):
    """Softmax over pixels: how large a part of each class a pixel is. The values of one map add up to 1."""

    def forward(self, aux: Tensor) -> Tensor:
        """Map logits (N, K, H, W) to soft object regions of the same shape (equation 4)."""
        return aux.flatten(2).softmax(2).view_as(aux)


class Gather(nn.Module):
    """The mean pixel of each region."""

    def forward(self, regions: Tensor, pixels: Tensor) -> Tensor:
        """Map regions (N, K, H, W) and pixels (N, C, H, W) to objects (N, C, K, 1) (equation 3)."""
        objects: Tensor = regions.flatten(2) @ pixels.flatten(2).transpose(1, 2)  # (N, K, C)
        return objects.transpose(1, 2)[..., None]


class Compare(nn.Module):
    """The scaled product of each pixel's key with each object's."""

    def forward(self, pixels: Tensor, objects: Tensor) -> Tensor:
        """Map pixels (N, C, H, W) and objects (N, C, K, 1) to likeness (N, K, H, W)."""
        n, channels, height, width = pixels.shape
        likeness: Tensor = pixels.flatten(2).transpose(1, 2) @ objects.squeeze(3)  # (N, H * W, K)
        return (likeness / sqrt(channels)).transpose(1, 2).reshape(n, -1, height, width)


class Attend(nn.Module):
    """Softmax over objects: what each pixel attends to. The values of one pixel add up to 1."""

    def forward(self, likeness: Tensor) -> Tensor:
        """Map likeness (N, K, H, W) to weights of the same shape (equation 5)."""
        return likeness.softmax(1)


class Mixture(nn.Module):
    """The objects in the proportions that each pixel attends to them."""

    def forward(self, attention: Tensor, objects: Tensor) -> Tensor:
        """Map attention (N, K, H, W) and objects (N, C, K, 1) to (N, C, H, W)."""
        n, _, height, width = attention.shape
        mixture = attention.flatten(2).transpose(1, 2) @ objects.squeeze(3).transpose(1, 2)  # (N, H * W, C)
        return mixture.transpose(1, 2).reshape(n, -1, height, width)


class NormRelu(nn.Sequential):
    """BatchNorm ``0`` and ReLU ``1``, nested once more, as in the published keys."""

    def __init__(self, channels: int) -> None:
        """Make the two layers."""
        super().__init__(nn.BatchNorm2d(channels), nn.ReLU())


def project(*channels: int) -> nn.Sequential:
    """Make 1x1 convolutions without bias, each with BatchNorm and ReLU, through these numbers of channels."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 1, bias=False), NormRelu(outputs)]
    return nn.Sequential(*layers)


class ObjectAttention(nn.Module):
    """Attention from pixels to objects, in fewer channels (equations 5 and 6)."""

    def __init__(self) -> None:
        """Make the four projections under their published names."""
        super().__init__()
        self.f_pixel = project(OBJECT_CHANNELS, KEY_CHANNELS, KEY_CHANNELS)
        self.f_object = project(OBJECT_CHANNELS, KEY_CHANNELS, KEY_CHANNELS)
        self.f_down = project(OBJECT_CHANNELS, KEY_CHANNELS)
        self.f_up = project(KEY_CHANNELS, OBJECT_CHANNELS)
        self.compare, self.attend, self.mixture = Compare(), Attend(), Mixture()

    def forward(self, pixels: Tensor, objects: Tensor) -> Tensor:
        """Map pixels (N, 512, H, W) and objects (N, 512, K, 1) to their context (N, 512, H, W)."""
        likeness = self.compare(self.f_pixel(pixels), self.f_object(objects))  # (N, K, H, W)
        context = self.mixture(self.attend(likeness), self.f_down(objects))  # (N, 256, H, W)
        result: Tensor = self.f_up(context)
        return result


class ObjectContext(nn.Module):
    """Pixels beside their context, mixed."""

    def __init__(self) -> None:
        """Make attention and mixture under their published names."""
        super().__init__()
        self.object_context_block = ObjectAttention()
        self.conv_bn_dropout = nn.Sequential(*project(2 * OBJECT_CHANNELS, OBJECT_CHANNELS), nn.Dropout2d(DROPOUT))

    def forward(self, pixels: Tensor, objects: Tensor) -> Tensor:
        """Map pixels (N, 512, H, W) and objects (N, 512, K, 1) to (N, 512, H, W)."""
        context = self.object_context_block(pixels, objects)
        result: Tensor = self.conv_bn_dropout(torch.cat([context, pixels], 1))
        return result
