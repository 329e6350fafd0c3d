"""Class activation maps at every site, for every method, in one forward and one backward pass.

No hook is involved: the maps come from the gradient of the score with respect to tensors of a trace, so each is that of
exactly this tensor, and nothing of the net, its gradients or its hooks is touched.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import torch
from torch import Tensor

from hrnet_viz.attribution.cams import Cams, describe_flat, join
from hrnet_viz.attribution.methods import METHODS, read_methods
from hrnet_viz.attribution.truth_table import count_off
from hrnet_viz.network.fingerprint import walk_tensors
from hrnet_viz.photos.preparation import Preparation, read_photos
from hrnet_viz.runner import Sites
from hrnet_viz.sites import Site, check_whole, is_pattern
from hrnet_viz.targets import Scores, Wishes, read_target
from hrnet_viz.tracing import Trace, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.decode import ImageSource

Photos: TypeAlias = "ImageSource | Sequence[ImageSource]"
CAM_SITE = "head.final"
HALF_SCALE = 2.0**10  # exact, and lifts gradients of 1e-6 out of float16's subnormal numbers


@overload
def cam(
    net: HRNet,
    photos: Photos,
    target: Wishes = None,
    *,
    method: str = "gradcam",
    sites: Sites | None = None,
    relu: bool = False,
    batch: int | None = None,
    progress: bool = False,
) -> Cams: ...
@overload
def cam(
    net: HRNet,
    photos: Photos,
    target: Wishes = None,
    *,
    method: list[str] | tuple[str, ...],
    sites: Sites | None = None,
    relu: bool = False,
    batch: int | None = None,
    progress: bool = False,
) -> dict[str, Cams]: ...
def cam(
    net: HRNet,
    photos: Photos,
    target: Wishes = None,
    *,
    method: str | list[str] | tuple[str, ...] = "gradcam",
    sites: Sites | None = None,
    relu: bool = False,
    batch: int | None = None,
    progress: bool = False,
) -> Cams | dict[str, Cams]:
    """Compute class activation maps: where in the photo, and in which tensor, is what speaks for a target?

    One forward and one backward pass in eval mode, whatever the number of sites and methods. Works inside
    ``torch.inference_mode``, with frozen parameters and in half precision (maps are float32 then).

    Args:
        net: the net.
        photos: a photo, several, or a ready float tensor (N, 3, H, W), which is used as it is.
        target: a class, joint or landmark by name or index; None for the one at the top; ("cat", "dog") or "cat rather
            than dog" for a difference; "x of left wrist"; what ``hrnet_viz.targets`` makes; a function from what the
            net answers to scores (N,); a list with one of these for each photo.
        method: one of ``methods.METHODS``, or several.
        sites: which tensors; by default every landmark with a spatial extent that the target depends on ("cam" exists
            at ``head.final`` alone). Of some channels, "stage4.1.out0[3,5]", it is their part of the site's map.
        relu: set negative values to 0, so that only what speaks for the target is left.
        batch: photos per pass, which holds the activations of all its photos; all of them at once if None.
        progress: show a progress bar on stderr.

    Returns:
        ``Cams``, a mapping from site to raw map (N, H, W); for several methods a dictionary of them.

    Raises:
        SiteError: no such site.
        ValueError: an unknown class or method, a site without spatial extent or one that the target does not depend on,
            activations or gradients that are not finite.
        TypeError: nothing that a target can be made of.
    """
    several = not isinstance(method, str)
    methods = read_methods(method)
    if batch is not None or progress:
        most = None if batch is None else check_whole("batch", batch)
        result = _in_batches(net, photos, target, methods, most, sites=sites, relu=relu, progress=progress)
        return result if several else result[methods[0]]
    goal = read_target(net, target)
    wanted = _choose_sites(net, sites, methods)
    with torch.inference_mode(mode=False), torch.enable_grad():
        kept = trace(_without_inference_weights(net), photos, sites=[*wanted, *goal.sites], grad=True)
        scores = goal.evaluate(kept)
        gradients = _differentiate(scores, kept, wanted, named=sites is not None)
    with torch.no_grad(), torch.autocast(kept.input.device.type, enabled=False):  # maps are summed in full precision
        result = {
            name: _make(name, kept, gradients, scores, relu=relu, preparation=getattr(net, "preparation", None))
            for name in methods
        }
    return result if several else result[methods[0]]


def _in_batches(
    net: HRNet, photos: Any, target: Any, methods: Sequence[str], batch: int | None, *, progress: bool, **options: Any
) -> dict[str, Cams]:
    photos = photos if isinstance(photos, Tensor) else read_photos(photos)
    if isinstance(target, list) and len(target) != len(photos):
        raise ValueError(f"{len(target)} targets were given for {len(photos)} photos; a list has one target per photo.")
    parts: dict[str, list[Cams]] = {name: [] for name in methods}
    for start in count_off(range(0, max(len(photos), 1), batch or max(len(photos), 1)), "maps", progress=progress):
        part = slice(start, start + batch if batch else None)
        goal = target[part] if isinstance(target, list) else target
        for name, found in cam(net, photos[part], goal, method=list(methods), **options).items():
            parts[name].append(found)
    return {name: join(several) for name, several in parts.items()}


def _choose_sites(net: HRNet, sites: Sites | None, methods: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses to make maps at, those without a spatial extent left out unless asked for by name.

    Raises:
        SiteError: no such site.
        ValueError: a site without spatial extent was asked for by name, or "cam" somewhere else than at its site.
    """
    plan = net.plan
    if "cam" in methods and CAM_SITE not in plan.sites:
        raise ValueError(
            f"Method 'cam' (Zhou et al. 2016) reads the classification head, which {net.owner} does not have. Use "
            "'gradcam'."
        )
    if sites is None:
        names = (CAM_SITE,) if tuple(methods) == ("cam",) else plan.landmarks
    else:
        names = tuple(map(str, plan.places(sites)))
        asked = [sites] if isinstance(sites, (str, Site)) else list(sites)
        exact = {
            str(plan.place(one)) for one in asked if str(one) not in {"landmarks", "all"} and not is_pattern(str(one))
        }
        if flat := [name for name in names if name in exact and plan.place(name).site.stride is None]:
            raise ValueError(f"'{flat[0]}' has no spatial extent, so it has no map. Leave it out of sites.")
    names = tuple(name for name in names if plan.place(name).site.stride is not None)
    if not names:
        raise ValueError("None of the sites asked for has a spatial extent, so there is nothing to make a map of.")
    if "cam" in methods and CAM_SITE not in names:
        raise ValueError(
            f"Method 'cam' (Zhou et al. 2016) is defined at '{CAM_SITE}' alone, where pooling and one linear layer "
            "follow. Add it to sites, or use 'gradcam', which is the same there up to a constant."
        )
    return names


def _differentiate(scores: Scores, kept: Trace, wanted: Sequence[str], *, named: bool) -> dict[str, Tensor]:
    """Compute the gradient of each photo's score with respect to sites of a trace; parameters get none.

    Args:
        scores: one per photo; photos do not mix in eval mode, so the gradient of their sum is that of each.
        kept: a trace with ``grad=True``.
        wanted: addresses.
        named: whether the user named these sites, so that one which the target does not depend on is an error.

    Returns:
        address -> gradient of the shape of the activation.

    Raises:
        ValueError: the target depends on none of them, or not on one that was asked for.
    """
    words = ", ".join(dict.fromkeys(scores.words))
    gradients: Sequence[Tensor | None] = [None] * len(wanted)
    scale = HALF_SCALE if scores.values.dtype == torch.float16 else 1.0
    if scores.values.requires_grad:
        inputs = [kept.tensors[kept.plan.place(name).site.name] for name in wanted]
        gradients = torch.autograd.grad(
            scores.values, inputs, torch.full_like(scores.values, scale), allow_unused=True, materialize_grads=False
        )
    found = {name: gradient for name, gradient in zip(wanted, gradients, strict=True) if gradient is not None}
    independent = [name for name in wanted if name not in found]
    if independent and (named or not found):
        reason = "It is computed without any of the net's tensors, or detached." if not found else ""
        raise ValueError(
            f"The target '{words}' does not depend on '{independent[0]}'"
            + (f" and {len(independent) - 1} other sites" if len(independent) > 1 else "")
            + f", so there is no gradient. {reason or 'Ask for sites that come before what the target reads.'}"
        )
    return {name: gradient if scale == 1 else _widen(gradient) / scale for name, gradient in found.items()}


def _make(
    method: str,
    kept: Trace,
    gradients: Mapping[str, Tensor],
    scores: Scores,
    *,
    relu: bool,
    preparation: Preparation | None,
) -> Cams:
    maps: dict[str, Tensor] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for name, gradient in gradients.items():
        if method == "cam" and name != CAM_SITE:
            continue
        place = kept.plan.place(name)
        activation, wide = _widen(kept[name].detach()), _widen(place.take(gradient))
        single = METHODS[method](activation, wide)
        if not single.isfinite().all():
            raise ValueError(_explain_not_finite(kept, gradients, scores, name))
        found = describe_flat(place.narrowed, single, activation, wide, scores.words)
        if any(found):
            notes[name] = found
        maps[name] = single.clamp(min=0) if relu else single
    return Cams(
        plan=kept.plan,
        maps=maps,
        method=method,
        targets=scores.words,
        indices=scores.indices,
        scores=scores.values.detach(),
        input=kept.input.detach(),
        classes=kept.classes,
        photos=kept.photos,
        preparation=preparation,
        relu=relu,
        notes=notes,
        fingerprint=kept.fingerprint,
    )


def _explain_not_finite(kept: Trace, gradients: Mapping[str, Tensor], scores: Scores, at: str) -> str:
    half = any(value.dtype in {torch.float16, torch.bfloat16} for value in kept.tensors.values())
    advice = " Half precision overflows: use float32 or bfloat16." if half else " Check the photo and the weights."
    if not kept.input.isfinite().all():
        return "The photo tensor holds NaN or infinite values, so no map can be made of it. Replace them first."
    for name, value in kept.tensors.items():
        if not value.isfinite().all():
            return f"The activation at '{name}' holds NaN or infinite values, so no map can be made of it.{advice}"
    if not all(gradient.isfinite().all() for gradient in gradients.values()) or not scores.values.isfinite().all():
        words = ", ".join(dict.fromkeys(scores.words))
        return f"The target '{words}' or its gradient at '{at}' is NaN or infinite, so no map can be made.{advice}"
    return f"The map at '{at}' overflows: activations times gradients are too large for {kept[at].dtype}.{advice}"


def _widen(value: Tensor) -> Tensor:
    """Compute in float32 where the net runs in half precision: sums of many small products would be lost."""
    return value.float() if value.dtype in {torch.float16, torch.bfloat16} else value


def _without_inference_weights(net: HRNet) -> HRNet:
    """Return a copy of a net that was built inside ``inference_mode``: autograd cannot work with such weights."""
    return copy.deepcopy(net) if any(value.is_inference() for value in walk_tensors(net)) else net
