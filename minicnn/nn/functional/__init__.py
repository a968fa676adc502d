"""torch.nn.functional's names, arguments, defaults and results: layers as plain functions, without parameters of their own."""

from ...ops.arrange import pad
from .activation import *  # noqa: F403
from .activation import __all__ as _activation
from .conv import *  # noqa: F403
from .conv import __all__ as _conv
from .linear import *  # noqa: F403
from .linear import __all__ as _linear
from .loss import *  # noqa: F403
from .loss import __all__ as _loss
from .normalization import *  # noqa: F403
from .normalization import __all__ as _normalization
from .pooling import *  # noqa: F403
from .pooling import __all__ as _pooling
from .vision import *  # noqa: F403
from .vision import __all__ as _vision

__all__ = ["pad", *_activation, *_conv, *_linear, *_loss, *_normalization, *_pooling, *_vision]
