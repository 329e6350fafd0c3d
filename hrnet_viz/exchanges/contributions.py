"""What every path, or any other tensor, contributes to a score: gradient x value, with its sign and in its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.runner import Sites
from hrnet_viz.site_map import ReadOnly, SiteMap
from hrnet_viz.sites import Site, SiteError, quote
from hrnet_viz.targets import Wishes, read_target
from hrnet_viz.tracing import Photos, Trace, exact, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Plan

EXCHANGE = ("stage*.fuse*", "stage*.sum*")
"""The sites that are read unless others are asked for: every fuse path and every fuse sum."""


@dataclass(frozen=True, eq=False, repr=False)
class Contributions(SiteMap[Tensor]):
    """Site -> what it contributes to the score of each photo, (N,), in units of the score.

    Attributes:
        plan: the plan of the net.
        words: what the score is the score of, one per photo.
        score: the score, (N,).
        tensors: site -> its tensor.
        gradients: site -> gradient of the score there, in the same shape.
        photos: names of the photos, () if a tensor was given.
    """

    LACK = "The contribution of '{name}' was not computed. Ask for it: sites=['{name}']."

    plan: Plan
    words: tuple[str, ...]
    score: Tensor
    tensors: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    photos: tuple[str, ...] = ()

    def __getitem__(self, site: str | Site) -> Tensor:
        return self.spread(site).flatten(1).sum(1)

    def __repr__(self) -> str:
        return f"Contributions({self.plan.owner}: {len(self)} sites to {', '.join(dict.fromkeys(self.words))})"

    def spread(self, site: str | Site, per: str = "element") -> Tensor:
        """Return gradient x value per "element", (N, C, H, W) or (N, C), per "channel", (N, C), or "place", (N, H, W).

        Each adds up to the contribution.

        Raises:
            SiteError: a site that was not read.
            ValueError: another ``per``, or places of a site that has none.
        """
        place, values = self.held(site)
        name = place.site.name
        product: Tensor = place.take(values.double() * self.gradients[name].double())
        if per == "element":
            return product
        if per == "channel":
            return product.flatten(2).sum(2) if product.dim() > 2 else product
        if per != "place" or product.dim() < 4:
            raise ValueError(
                f"per={quote(per)} was given for '{name}', shape {tuple(product.shape)}; a contribution is spread per "
                "'element', 'channel' or, where there are places, 'place'."
            )
        return product.sum(1)

    def matrix(self, module: str) -> Tensor:
        """Return the contributions of all paths of a module, (N, I, J): row i is the output, column j the branch.

        Raises:
            ValueError: a module of which a path is missing.
        """
        found = next((one for one in self.plan.modules if one.address == module), None)
        if found is None or any(path not in self.tensors for row in found.paths for path in row):
            raise ValueError(f"The contributions of '{module}' are not all here. Modules look like 'stage3.1'.")
        return self.plan.matrices({path: self[path] for row in found.paths for path in row})[module]


def contributions(net: HRNet, photos: Photos, target: Wishes = None, *, sites: Sites = EXCHANGE) -> Contributions:
    """Compute gradient x value at every path and sum, or at other sites: what each adds to the score, to first order.

    For score y and path P_j into the sum S the contribution is the sum over all elements of dy/dP_j * P_j. As the paths
    are simply added, dy/dP_j = dy/dS, and so the contributions of the paths of one output add up to that of their sum.
    Minus the contribution is what setting the path to zero is expected to do to the score;
    ``hv.interventions.first_order`` compares this with what it does. A trace with grad=True is used as it is; another
    one is run again. A target is None for the top class, or whatever ``hv.cam`` takes.

    Raises:
        SiteError: an address that names no site.
        ValueError: an unknown class; the message names the nearest.
    """
    names = tuple(dict.fromkeys(place.site.name for place in net.plan.places(sites)))
    if not names:
        raise SiteError("No site was given to read. Give an address such as 'stage3.1.fuse0<-2', or several.")
    asked = read_target(net, target)
    pass_ = with_gradients(net, photos, (*names, *asked.sites))
    scores = asked.evaluate(pass_.tensors)
    tensors = [pass_[name] for name in names]
    gradients = torch.autograd.grad(scores.values.sum(), tensors, retain_graph=True, materialize_grads=True)
    return Contributions(
        plan=net.plan,
        words=scores.words,
        score=scores.values.detach(),
        tensors=ReadOnly({name: value.detach() for name, value in zip(names, tensors, strict=True)}),
        gradients=ReadOnly(dict(zip(names, gradients, strict=True))),
        photos=tuple(one.name for one in pass_.photos),
    )


def with_gradients(net: HRNet, photos: Photos, names: tuple[str, ...]) -> Trace:
    """Return a trace through which gradients flow back to the named sites: the given one where it can."""
    if not isinstance(photos, Trace):
        return trace(net, photos, sites=names, grad=True)
    # What was stored in another type is a copy that nothing was computed from: its gradient would be zero.
    start = exact(net, photos)
    if len(start) == len(photos) and all(name in start.tensors and start[name].requires_grad for name in names):
        return start
    return replace(trace(net, photos.input.detach(), sites=names, grad=True), photos=photos.photos)
