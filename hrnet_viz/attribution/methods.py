"""Class activation mapping: each method is a pure function of an activation and the gradient of a score there.

All take activation A and gradient g = dS/dA of shape (N, C, H, W), in float32 or float64, and give a signed map
(N, H, W). None ends in a ReLU: keeping only what speaks *for* the target is a choice that the caller makes. What a
method has inside by definition (LayerCAM and Grad-CAM++ drop negative gradients) stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from hrnet_viz.sites import quote

Method = Callable[[Tensor, Tensor], Tensor]


def gradcam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each channel with its mean gradient: sum over k of A_k * mean over cells of g_k.

    Source: Selvaraju et al. 2017, "Grad-CAM", equations 1 and 2, without the ReLU of equation 2.
    """
    return _weigh(activation, gradient.mean((2, 3)))


def gradcam_pp(activation: Tensor, gradient: Tensor) -> Tensor:
    """Grad-CAM++: weigh each channel with w_k = sum over cells of alpha * ReLU(g), alpha = g^2 / (2 g^2 + g^3 sum A_k).

    Source: Chattopadhay et al. 2018, "Grad-CAM++", arXiv 1710.11063, equations 5 and 19 (there the score is exp(S),
    whence the powers of g). The fraction is reduced by g^2 here: no epsilon is needed, which would outweigh the small
    gradients of large maps. The derivation supposes A >= 0, as it is after a ReLU; elsewhere alpha may have no meaning
    (a denominator that is not positive), and such cells are left out.
    """
    denominator = 2 + gradient * activation.sum((2, 3), keepdim=True)
    counts = (gradient > 0) & (denominator > 0)
    weighted = torch.where(counts, gradient / torch.where(counts, denominator, 1), 0)
    return _weigh(activation, weighted.sum((2, 3)))


def xgradcam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each channel with its gradient averaged by activation: w_k = sum over cells of g_k * A_k / sum of A_k.

    Source: Fu et al. 2020, "Axiom-based Grad-CAM", arXiv 2008.02312: the weight with which the map adds up to the sum
    of g * A (their axiom of conservation), as HiResCAM's does. A channel whose activations sum to 0 gets no weight;
    where they nearly do, which happens before a ReLU, its weight may be huge.
    """
    total = activation.sum((2, 3))
    silent = total == 0
    weights = (gradient * activation).sum((2, 3)) / torch.where(silent, 1, total)
    return _weigh(activation, torch.where(silent, 0, weights))


def hirescam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Multiply cell by cell: sum over k of g_k * A_k.

    Its sum over the map is the first-order estimate of what setting the site to zero takes from the score, in units of
    the score, whatever the number of cells; where the score is linear in the site it is exact.

    Source: Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", arXiv 2011.08891; the estimate is that of Molchanov et al. 2017, arXiv 1611.06440, section 2.2.
    """
    return (activation * gradient).sum(1)


def layercam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Multiply cell by cell with the positive gradients only: sum over k of ReLU(g_k) * A_k.

    Source: Jiang et al. 2021, "LayerCAM: exploring hierarchical class activation maps for localization", IEEE TIP 30,
    whose last step is one more ReLU.
    """
    return (activation * gradient.clamp(min=0)).sum(1)


def cam(activation: Tensor, gradient: Tensor) -> Tensor:
    """Weigh each channel with its summed gradient: sum over k of A_k * sum over cells of g_k.

    At ``head.final``, which is averaged over its H * W cells and goes into one linear layer, the gradient of class c is
    W_ck / (H * W) at every cell, so the summed gradient is W_ck, and this is the map of Zhou et al. 2016, "Learning
    deep features for discriminative localization", equation 2: H * W times Grad-CAM. Its mean plus the bias is the
    logit.
    """
    return _weigh(activation, gradient.sum((2, 3)))


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "gradcam": gradcam,
        "gradcam++": gradcam_pp,
        "xgradcam": xgradcam,
        "hirescam": hirescam,
        "layercam": layercam,
        "cam": cam,
    }
)
"""Name -> function. ``cam`` is defined at ``head.final`` alone."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "gradcam": "Grad-CAM",
        "gradcam++": "Grad-CAM++",
        "xgradcam": "XGrad-CAM",
        "hirescam": "HiResCAM",
        "layercam": "LayerCAM",
        "cam": "CAM",
    }
)
"""Name -> how the papers write it, for figures and tables."""


def read_methods(method: str | Iterable[str], *, everywhere: bool = False) -> tuple[str, ...]:
    """Return the methods that are asked for, one or several; ``everywhere`` leaves out "cam", which has one site.

    Raises:
        ValueError: none, an unknown one, or "cam" where several sites are compared.
    """
    several: Iterable[Any] = [method] if isinstance(method, str) or not hasattr(method, "__iter__") else method
    names = tuple(several)
    for name in names:
        if not isinstance(name, str) or name not in METHODS:
            raise ValueError(f"There is no method {quote(name)}. Methods are: {', '.join(METHODS)}.")
    if not names:
        raise ValueError(f"No method was given. Methods are: {', '.join(METHODS)}.")
    if everywhere and "cam" in names:
        raise ValueError(
            "Method 'cam' exists at head.final alone, so it cannot be compared over sites. Use 'gradcam', which is the "
            "same there up to a constant."
        )
    return tuple(dict.fromkeys(names))


def _weigh(activation: Tensor, weights: Tensor) -> Tensor:
    """Add the channels up with weights (N, C)."""
    return torch.einsum("nc,nchw->nhw", weights, activation)
