"""What all transforms share: types kept, input untouched, draws from the lent stream, arguments and images checked."""

import numpy as np
import pytest

from minicnn.data import transforms as T
from minicnn.data.random import use_generator
from minicnn.data.transforms import transform as base
from minicnn.errors import InputError

RANDOM = [
    T.RandomCrop(5, padding=2), T.RandomResizedCrop(6), T.RandomHorizontalFlip(), T.RandomVerticalFlip(),
    T.ColorJitter(0.4, 0.4, 0.4, 0.3), T.RandomRotation(30, "bilinear"),
    T.RandomAffine(10, (0.2, 0.2), (0.7, 1.3), (-5, 5, -5, 5), "bilinear"), T.RandomErasing(0.9, value=(1, 0, 1)),
]
FIXED = [T.Pad(2), T.CenterCrop(4), T.Resize(5), T.Resize((5, 11), "nearest"), T.Grayscale(3)]


def image_of(dtype):
    image = np.random.default_rng(1).random((3, 8, 9))
    return (255 * image).astype(np.uint8) if dtype == np.uint8 else image.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("transform", RANDOM + FIXED, ids=lambda t: type(t).__name__)
def test_dtype_and_input_stay(transform, dtype):
    image = image_of(dtype)
    before = image.copy()
    for seed in range(20):
        with use_generator(seed):
            out = transform(image)
        assert out.dtype == dtype and out.ndim == 3 and np.isfinite(out).all()
        assert np.array_equal(image, before)


@pytest.mark.parametrize("transform", [*RANDOM, T.PCALighting(), T.RandomErasing(1, value="random")],
                         ids=lambda t: type(t).__name__)
def test_the_stream_decides(transform):
    image = image_of(np.float32)

    def runs(seed):
        with use_generator(seed):
            return np.concatenate([transform(image).ravel() for _ in range(8)])

    assert np.array_equal(runs(3), runs(3))
    assert not np.array_equal(runs(3), runs(4))


@pytest.mark.parametrize("transform", RANDOM + FIXED, ids=lambda t: type(t).__name__)
def test_a_batch_gets_one_draw(transform):
    batch = np.stack([image_of(np.float32)] * 3)
    with use_generator(2):
        together = transform(batch)
    with use_generator(2):
        alone = transform(batch[0])
    assert all(np.allclose(image, alone, atol=1e-6) for image in together)


def test_compose_and_lambda():
    both = T.Compose([T.Lambda(lambda x: x + 1), T.Lambda(lambda x: x * 10)])
    assert both(2) == 30
    assert repr(T.Compose([T.Pad(2)])) == "Compose(transforms=[Pad(padding=2, fill=0.0, padding_mode='constant')])"
    with pytest.raises(InputError, match="Compose: transforms must be a list of functions"):
        T.Compose([3])
    with pytest.raises(InputError, match="Lambda: lambd must be a function"):
        T.Lambda(3)


def test_the_base_class_says_what_to_write():
    with pytest.raises(NotImplementedError, match=r"Transform must define transform\(self, image\)"):
        base.Transform()(np.zeros((1, 2, 2), np.float32))


@pytest.mark.parametrize(("image", "message"), [
    ([[1, 2]], r"a NumPy array \(C, H, W\), got list"),
    (np.zeros((4, 4), np.float32), "got shape .* Put ToImage"),
    (np.zeros((3, 0, 4), np.float32), "got shape"),
    (np.zeros((3, 4, 4), np.int64), "uint8, float32 or float64, got dtype int64"),
    (np.zeros((3, 4, 4), bool), "got dtype bool"),
])
def test_what_is_no_image(image, message):
    with pytest.raises(InputError, match="RandomHorizontalFlip: the image must be.*" + message):
        T.RandomHorizontalFlip()(image)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: T.RandomHorizontalFlip(2), "p must be a number from 0 to 1, got 2"),
    (lambda: T.RandomVerticalFlip("x"), "p must be a number"),
    (lambda: T.Pad(-1), "padding must be an int >= 0"),
    (lambda: T.Pad((1, 2, 3)), "padding must be"),
    (lambda: T.Pad(1, padding_mode="wrap"), "padding_mode must be 'constant' or"),
    (lambda: T.CenterCrop(0), "size must be a positive int"),
    (lambda: T.RandomCrop((2, 3, 4)), "size must be a positive int or a pair"),
    (lambda: T.Resize(2.5), "size must be"),
    (lambda: T.Resize(4, "cubic"), "interpolation must be 'nearest' or 'bilinear'"),
    (lambda: T.Resize((4, 4), max_size=8), "max_size must be at least size, and size one int"),
    (lambda: T.RandomResizedCrop(4, scale=(1, 0.5)), "scale must be a pair"),
    (lambda: T.RandomResizedCrop(4, ratio=(0, 1)), "ratio must be a pair"),
    (lambda: T.ColorJitter(-1), "brightness must be a number"),
    (lambda: T.ColorJitter(hue=0.6), "hue must be a number from 0 to 0.5"),
    (lambda: T.ColorJitter(contrast=(1, 2, 3)), "contrast must be a pair"),
    (lambda: T.Grayscale(2), "num_output_channels must be 1 or 3"),
    (lambda: T.PCALighting(eigval=(1, 2)), "eigval and eigvec must be of shapes"),
    (lambda: T.RandomRotation(-3), "degrees must be a number from 0"),
    (lambda: T.RandomRotation(3, center=1), "center must be None or a pair"),
    (lambda: T.RandomAffine(3, translate=(2, 0)), "translate must be a pair of fractions"),
    (lambda: T.RandomAffine(3, translate=1), "translate must be a pair of fractions"),
    (lambda: T.RandomAffine(3, scale=(0, 1)), "scale must be a pair"),
    (lambda: T.RandomErasing(value="white"), "value must be a number, one per channel, or 'random'"),
    (lambda: T.RandomErasing(scale=(0, 2)), "scale must be a pair"),
    (lambda: T.Normalize([0.5], [0]), "std must be positive"),
    (lambda: T.Normalize([], [1]), "mean must be a number per channel"),
    (lambda: T.ToDtype(np.int32), "dtype must be uint8, float32 or float64"),
    (lambda: T.MixUp(0), "alpha must be a number"),
    (lambda: T.CutMix(num_classes=0), "num_classes must be a positive int"),
])
def test_bad_arguments(make, message):
    with pytest.raises(InputError, match=message):
        make()
