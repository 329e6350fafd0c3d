"""From photos to the tensor that a net expects, and back."""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from PIL import Image

from hrnet_viz.photos.decode import ImageSource, read_image
from hrnet_viz.photos.photo import Photo, PhotoError, describe_array
from hrnet_viz.sites import quote, read_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torchvision.transforms import v2

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
# A strip of 1 x 5000 would become 256 x 1,280,000 before its middle is cut out.
ENLARGED_LIMIT = 80_000_000


@dataclass(frozen=True)
class Preparation:
    """What a net expects of its input: size, normalisation, and how a photo of another shape is made to fit.

    Args:
        size: (height, width) in pixels; one number means a square.
        mean: mean of each colour, on the scale 0..1.
        std: standard deviation of each colour, on the scale 0..1.
        fit: "squash" resizes the whole photo to `size`, whatever its shape; "crop" keeps its shape: it resizes until
            the photo just covers `size / crop_fraction` and takes the middle (the usual ImageNet evaluation).
        crop_fraction: share of each side that "crop" keeps where photo and size have the same shape.
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos", with Pillow's antialiasing.

    Raises:
        ValueError: for values that make no sense, in a sentence.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    fit: Literal["squash", "crop"] = "squash"
    crop_fraction: float = 0.875
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        """Check everything once, and bring lists (from a JSON file) and a single size into one form."""
        object.__setattr__(self, "size", check_size(self.size))
        for field in ("mean", "std"):
            given = getattr(self, field)
            try:
                values = tuple(map(float, given))
            except (TypeError, ValueError):
                values = ()
            if len(values) != 3 or not all(map(math.isfinite, values)):
                raise ValueError(f"{field} is {given!r:.80}, but three numbers were expected, for red, green and blue.")
            object.__setattr__(self, field, values)
        if min(self.std) <= 0:
            raise ValueError(f"std is {self.std}, but must be above 0: the colours are divided by it.")
        if max(*self.mean, *self.std) > 1:
            raise ValueError(
                f"mean {self.mean} and std {self.std} are on the scale 0..255, but 0..1 was expected: divide by 255."
            )
        if self.fit not in ("squash", "crop"):
            raise ValueError(f'fit is {self.fit!r}, but must be "squash" (whole photo) or "crop" (its middle).')
        if not isinstance(self.crop_fraction, Real) or not 0 < self.crop_fraction <= 1:
            raise ValueError(f"crop_fraction is {self.crop_fraction!r}, but must be above 0 and at most 1.")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"interpolation is {self.interpolation!r}, but must be one of {', '.join(INTERPOLATIONS)}."
            )

    def picture(self, photo: Photo) -> Photo:
        """Return the exact picture that the net sees, before normalisation: uint8 (H, W, 3) of this size.

        Raises:
            PhotoError: if the photo is so long and thin that "crop" would need too much memory.
        """
        enlarged_height, enlarged_width, left, top = self._place(photo)
        if enlarged_height * enlarged_width > ENLARGED_LIMIT:
            raise PhotoError(
                f'{photo!r} is too long and thin for fit="crop": it would first be resized to '
                f'{enlarged_width} x {enlarged_height} pixels. Use fit="squash", or cut the part of interest out.'
            )
        image = photo.image().resize((enlarged_width, enlarged_height), Image.Resampling[self.interpolation.upper()])
        image = image.crop((left, top, left + self.size[1], top + self.size[0]))
        return Photo(np.asarray(image), photo.name, photo.credit)

    def box(self, photo: Photo) -> tuple[float, float, float, float]:
        """Return the part of the photo that the net sees: (left, top, right, bottom) in its pixels, with fractions."""
        height, width = self.size
        enlarged_height, enlarged_width, left, top = self._place(photo)
        across, down = photo.width / enlarged_width, photo.height / enlarged_height
        return left * across, top * down, (left + width) * across, (top + height) * down

    @property
    def transform(self) -> v2.Compose:
        """Return the same for a torchvision dataset or a DataLoader: from a picture to its tensor, float32 (3, H, W).

        It takes what `read_image` takes, such as a PIL image or an array, and gives bit for bit what `tensor` gives
        for it: the picture is made by `picture`, torchvision does the rest. It can be sent to worker processes.
        """
        from torchvision.transforms import v2

        return v2.Compose(
            [
                v2.Lambda(self._picture_of),
                v2.ToImage(),
                v2.ToDtype(torch.float32),
                # Divided by 255 as `tensor` does: ToDtype(scale=True) multiplies by 1 / 255, which rounds otherwise.
                v2.Normalize((0, 0, 0), (255, 255, 255)),
                v2.Normalize(self.mean, self.std),
                v2.ToPureTensor(),
            ]
        )

    def _picture_of(self, source: ImageSource) -> Image.Image:
        return self.picture(read_image(source)).image()

    def tensor(self, photos: Photo | Sequence[Photo]) -> torch.Tensor:
        """Return one photo or several as the net's input: (picture / 255 - mean) / std, float32 (N, 3, H, W)."""
        several = [photos] if isinstance(photos, Photo) else list(photos)
        if not several:
            raise PhotoError("No photo was given, but at least one was expected.")
        pixels = np.stack([self.picture(photo).pixels for photo in several])
        values = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float().div_(255)
        mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (self.mean, self.std))
        return values.sub_(mean).div_(std)

    def undo(self, tensor: torch.Tensor) -> Photo | tuple[Photo, ...]:
        """Return the pictures that a tensor was made of: one Photo for (3, H, W), a tuple of them for (N, 3, H, W).

        From float32 the pixels come back exactly; what lies outside 0..255 (an edited tensor) is clipped.

        Raises:
            PhotoError: for another shape, for whole numbers, or for NaN.
        """
        given: Any = tensor  # a caller without a type checker may give anything
        floats = isinstance(given, torch.Tensor) and given.ndim in (3, 4) and given.is_floating_point()
        if not floats or given.shape[-3] != 3:
            raise PhotoError(
                f"undo takes a float tensor (3, H, W) or (N, 3, H, W), but {describe_array(tensor)} was given."
            )
        values = tensor.detach().cpu().double()
        mean, std = (torch.tensor(numbers, dtype=torch.float64).view(3, 1, 1) for numbers in (self.mean, self.std))
        values = (values * std + mean) * 255
        if not values.isfinite().all():
            raise PhotoError("The tensor holds NaN or infinite numbers, which have no colour. Replace them first.")
        pixels = values.round().clamp(0, 255).byte().movedim(-3, -1).numpy()
        if tensor.ndim == 3:
            return Photo(pixels, "picture")
        return tuple(Photo(one, f"picture {index}") for index, one in enumerate(pixels))

    def _place(self, photo: Photo) -> tuple[int, int, int, int]:
        """Return (height, width) to which the photo is resized, and (left, top) of the middle that is then taken."""
        height, width = self.size
        if self.fit == "squash":
            return height, width, 0, 0
        # Rounded as torchvision's Resize and timm's transforms do, so that published accuracies hold to the bit.
        down, across = (math.floor(side / self.crop_fraction) for side in self.size)
        if down * photo.width >= across * photo.height:
            across = down * photo.width // photo.height
        else:
            down = across * photo.height // photo.width
        return down, across, round((across - width) / 2), round((down - height) / 2)


def prepare(
    net: torch.nn.Module,
    photos: ImageSource | Sequence[ImageSource],
    size: int | tuple[int, int] | None = None,
    device: torch.device | str | None = None,
) -> torch.Tensor:
    """Return the input tensor of a net, with the net's own size and normalisation (`net.preparation`).

    Args:
        net: a net with the attribute `preparation`.
        photos: a Photo, or what `read_image` takes, or a list of these; or a ready float tensor (N, 3, H, W), whose
            numbers are not touched.
        size: (height, width) or one number, in place of the net's own.
        device: where the tensor goes, in place of the device of the net's parameters.

    Returns:
        Tensor (N, 3, H, W) of the parameters' dtype, on `device`.

    Raises:
        PhotoError: for a picture that can't be read, or a tensor of another kind.
        TypeError: if the net says nothing about its preparation.
    """
    if isinstance(photos, torch.Tensor):
        tensor = _check_ready(photos, None if size is None else check_size(size))
    else:
        preparation = getattr(net, "preparation", None)
        if not isinstance(preparation, Preparation):
            raise TypeError(
                f"{type(net).__name__} has no `preparation` that says how a photo becomes its input. Set "
                "net.preparation = Preparation(size=..., mean=..., std=...), or give a ready float tensor (N, 3, H, W)."
            )
        if size is not None:
            preparation = dataclasses.replace(preparation, size=check_size(size))
        tensor = preparation.tensor(read_photos(photos))
    parameters = net.parameters() if hasattr(net, "parameters") else iter(())
    like = next((values for values in parameters if values.is_floating_point()), tensor)
    if tensor.is_meta and not like.is_meta:
        raise PhotoError("The tensor is on the meta device: it has a shape, but no numbers. Give one with numbers.")
    return tensor.to(device=like.device if device is None else device, dtype=like.dtype)


def check_size(size: Any) -> tuple[int, int]:
    """Return (height, width) from one whole number or two; a ValueError in a sentence for anything else."""
    several = isinstance(size, tuple | list)
    sides = [read_integer(side) or 0 for side in (size if several else (size, size))]
    if len(sides) != 2 or min(sides) < 1:
        given = f"({', '.join(map(quote, size[:3]))})" if several else quote(size)
        raise ValueError(
            f"size is {given}, but (height, width) or one number was expected, in whole pixels, 1 or more."
        )
    return sides[0], sides[1]


def read_photos(photos: ImageSource | Sequence[ImageSource]) -> list[Photo]:
    """Read one photo or a list of them, each as `read_image` does; a sentence about one of a list says which it is."""
    if not isinstance(photos, list | tuple):
        return [read_image(photos)]  # type: ignore[arg-type]  # what isn't a source gets read_image's sentence
    if any(isinstance(one, torch.Tensor) for one in photos):
        raise PhotoError(
            "A list of tensors was given, but a list holds photos. Make one of ready tensors with torch.stack; "
            "turn raw pixels into photos with read_image."
        )
    several = []
    for number, one in enumerate(photos, start=1):
        try:
            several.append(read_image(one))
        except PhotoError as error:
            raise PhotoError(f"Photo {number} of {len(photos)}: {error}") from error
    return several


def _check_ready(tensor: torch.Tensor, size: tuple[int, int] | None) -> torch.Tensor:
    given = f"{describe_array(tensor)} was given"
    if not tensor.is_floating_point():
        raise PhotoError(
            f"A ready tensor holds normalised floats, but {given}. "
            "If it holds raw pixels, give read_image(tensor) instead."
        )
    if tensor.ndim != 4:
        advice = "add the batch axis with tensor[None] if it is normalised" if tensor.ndim == 3 else "reshape it"
        raise PhotoError(
            f"A ready tensor has the shape (N, 3, H, W), but {given}: {advice}, or give read_image(tensor) if it is a "
            "picture with values from 0 to 1."
        )
    if tensor.shape[1] != 3 or 0 in tensor.shape:
        advice = " It seems to be channels-last: use tensor.permute(0, 3, 1, 2)." if tensor.shape[3] == 3 else ""
        raise PhotoError(f"A ready tensor has the shape (N, 3, H, W), with at least one picture, but {given}.{advice}")
    if str(tensor.layout) != "torch.strided":
        raise PhotoError(f"A ready tensor is dense, but {given} in the layout {tensor.layout}. Give tensor.to_dense().")
    if not tensor.is_meta:
        low, high = (float(end) for end in tensor.detach().aminmax())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise PhotoError(f"A ready tensor holds finite numbers, but {given} with NaN or infinity in it.")
        if low >= 0 and high > 0.5:
            scale = "0..255: divide by 255 first" if high > 30 else "0..1"
            warnings.warn(
                f"This ready tensor has no negative number, so it looks like a picture on the scale {scale}, and not "
                "normalised. It is used as it is; hv.read_image(tensor) makes a photo of it, which is normalised.",
                stacklevel=3,
            )
    if size is not None and tuple(tensor.shape[2:]) != size:
        raise PhotoError(
            f"A ready tensor is used as it is, but size={size} was asked for and {given}. "
            "Leave size out, or give a photo."
        )
    return tensor
