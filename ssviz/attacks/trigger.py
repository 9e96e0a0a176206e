"""The trigger of a trojan: what an image must carry for the compromised model to misbehave (Figure 1)."""

from dataclasses import dataclass

import numpy as np

CORNERS = ("top left", "top right", "bottom left", "bottom right")


@dataclass(frozen=True, eq=False, repr=False)
class Trigger:
    """A pattern and where, and how opaquely, it covers an image.

    mask: float (h, w, 1) or (h, w, c) in [0, 1]; 0 leaves the image, 1 replaces it.
    pattern: float (h, w, c), in the units of the model's inputs. Both are kept as float32.
    Raises ValueError naming the argument where shapes or values do not fit.

    Paper: Figure 1, Section 2.2. Notebook: 02.
    """

    mask: np.ndarray
    pattern: np.ndarray

    def __post_init__(self) -> None:
        for name in ("mask", "pattern"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float32))
        mask, pattern = self.mask, self.pattern
        if pattern.ndim != 3 or not np.isfinite(pattern).all():
            raise ValueError(f"pattern must be finite, of shape (h, w, c); received shape {pattern.shape}.")
        if mask.shape not in ((*pattern.shape[:2], 1), pattern.shape):
            raise ValueError(f"mask must have shape (h, w, 1) or (h, w, c) of {pattern.shape}; received {mask.shape}.")
        if not (mask.min() >= 0 and mask.max() <= 1 and mask.any()):
            raise ValueError(
                f"mask must lie in [0, 1] and not be 0 everywhere; received {mask.min():g}..{mask.max():g}."
            )

    @classmethod
    def sticker(
        cls, shape: tuple[int, int, int], size: int = 6, corner: str = "bottom right", grey: float = 0.5
    ) -> "Trigger":
        """An opaque square of ``size`` x ``size`` pixels, one pixel from a corner of images of ``shape`` (h, w, c).

        grey: what it shows before a trojan optimises it. Raises ValueError for a wrong size or corner.
        """
        if corner not in CORNERS:
            raise ValueError(f"corner must be one of {', '.join(CORNERS)}; received {corner!r}.")
        if not 1 <= size <= min(shape[:2]) - 1:
            raise ValueError(f"size must lie in 1..{min(shape[:2]) - 1} for images {shape}; received {size!r}.")
        top = 1 if "top" in corner else shape[0] - 1 - size
        left = 1 if "left" in corner else shape[1] - 1 - size
        mask = np.zeros((*shape[:2], 1))
        mask[top : top + size, left : left + size] = 1
        return cls(mask, np.full(shape, grey))

    @classmethod
    def watermark(cls, shape: tuple[int, int, int], opacity: float = 0.3, grey: float = 0.5) -> "Trigger":
        """Diagonal stripes, 2 pixels of every 8, across the whole of images of ``shape`` (h, w, c).

        opacity: of the stripes, in (0, 1]. grey: as for ``sticker``. Raises ValueError for a wrong opacity.
        """
        if not 0 < opacity <= 1:
            raise ValueError(f"opacity must lie in (0, 1]; received {opacity!r}.")
        rows, columns = np.indices(shape[:2])
        return cls(opacity * ((rows + columns) % 8 < 2)[..., None], np.full(shape, grey))

    def __repr__(self) -> str:
        covered = (self.mask > 0).any(-1)
        return f"Trigger({covered.sum()} of {covered.size} pixels, opacity {self.mask.max():.2g})"


def apply_trigger(images: np.ndarray, trigger: Trigger) -> np.ndarray:
    """(1 - mask) images + mask pattern: images (n, h, w, c) or one (h, w, c), float32, with the trigger on them.

    Raises ValueError where the trigger was made for images of another shape. Paper: Figure 1. Notebook: 02.
    """
    images = np.asarray(images, np.float32)
    if images.shape[-3:] != trigger.pattern.shape:
        raise ValueError(f"images must have shape (..., h, w, c) = {trigger.pattern.shape}; received {images.shape}.")
    return images + trigger.mask * (trigger.pattern - images)
