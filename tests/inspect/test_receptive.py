"""The receptive field of a chain of layers. That it is the box of the gradient: tests/notes/test_ch06_vgg.py."""

import pytest

from minicnn import models, nn
from minicnn.errors import InputError
from minicnn.inspect import receptive_field, windows


@pytest.mark.parametrize(("layers", "expected"), [
    ([], 1), ([(1, 1)], 1), ([(3, 1)], 3), ([(3, 1), (3, 1)], 5), ([(3, 1)] * 3, 7), ([(3, 2), (3, 1)], 7), ([(3, 1), (3, 2)], 5),
    ([(3, 1, 1), (3, 1, 2), (3, 1, 4)], 15), ([(2, 2), (2, 2), (2, 2)], 8), ([(7, 2), (3, 2), (3, 1)], 19),
    ([(1, 3), (2, 1, 5)], 16),
])
def test_by_hand(layers, expected):
    assert receptive_field(layers) == expected


def test_of_modules():
    chain = nn.Sequential(nn.Conv2d(1, 2, 5, 2, dilation=2), nn.BatchNorm2d(2), nn.ReLU(),
                          nn.Sequential(nn.MaxPool2d(3, 2), nn.Dropout(), nn.AvgPool2d(2)), nn.Conv2d(2, 2, (3, 3)))
    assert windows(chain) == [(5, 2, 2), (3, 2, 1), (2, 2, 1), (3, 1, 1)]
    assert receptive_field(chain) == 9 + 2 * 2 + 4 + 2 * 8
    assert windows(nn.Conv1d(1, 1, 4, 3)) == [(4, 3, 1)] and windows(nn.ReLU()) == []
    with nn.init.no_init():
        assert receptive_field(models.vgg19(width=1, hidden=1).features) == 268


def test_what_is_no_chain_is_refused():
    with nn.init.no_init():
        for whole in (models.vgg11(width=1, hidden=1), models.resnet20(), nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)),
                      nn.Sequential(nn.ConvTranspose2d(1, 1, 3))):
            with pytest.raises(InputError, match="model.features"):
                receptive_field(whole)
    with pytest.raises(InputError, match="square"):
        windows(nn.Conv2d(1, 1, (3, 5)))
    for layers in ([3], [(3,)], [(3, 0)], [(3, 1.0)], [(3, 1, 1, 1)]):
        with pytest.raises(InputError, match="positive whole numbers"):
            receptive_field(layers)
