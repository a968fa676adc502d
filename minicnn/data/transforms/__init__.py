"""Image transforms on plain NumPy arrays (C, H, W), with torchvision.transforms.v2's names, arguments and defaults.

>>> train = Compose([RandomCrop(32, padding=4), RandomHorizontalFlip(), ToDtype(np.float32, scale=True)])
"""

from .affine import RandomAffine, RandomRotation
from .color import ColorJitter, Grayscale, PCALighting
from .convert import Normalize, ToDtype, ToImage, ToTensor
from .crop import CenterCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomVerticalFlip
from .erasing import RandomErasing
from .mixing import CutMix, MixUp
from .resize import Resize
from .transform import Compose, Lambda, Transform
from .width import NormalizeWidth

__all__ = [
    "Transform", "Compose", "Lambda", "ToImage", "ToDtype", "ToTensor", "Normalize", "Resize", "CenterCrop", "Pad",
    "RandomCrop", "RandomResizedCrop", "RandomHorizontalFlip", "RandomVerticalFlip", "ColorJitter", "Grayscale",
    "PCALighting", "RandomRotation", "RandomAffine", "RandomErasing", "MixUp", "CutMix",
    "NormalizeWidth",
]
