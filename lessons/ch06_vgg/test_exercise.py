"""Chapter 6: what is checked. Run `pytest lessons/ch06_vgg`."""

import numpy as np

from minicnn.teaching.grader import Check, exercise_tests

VGG_16 = (((3, 1, 1),) * 2 + ((2, 2, 1),)) * 2 + (((3, 1, 1),) * 3 + ((2, 2, 1),)) * 3


def stacks(rng):
    """Stride 1 and dilation 1; no layers at all; layers that see one pixel."""
    yield ((),)
    for n in (1, 2, 3):
        yield (tuple((3, 1, 1) for _ in range(n)),)
    yield (tuple((int(k), 1, 1) for k in rng.integers(1, 8, size=5)),)


def numbers(rng, count, stride, dilation):
    """Layers up to a stride and a dilation, both above 1 in the first, the last and one between."""
    k, s, d = rng.integers(2, 6, size=count), rng.integers(1, stride + 1, size=count), rng.integers(1, dilation + 1, size=count)
    for place in (0, count // 2, count - 1):
        s[place], d[place] = rng.integers(2, stride + 1) if stride > 1 else 1, rng.integers(2, dilation + 1) if dilation > 1 else 1
    return tuple((int(a), int(b), int(c)) for a, b, c in zip(k, s, d))


def strides(rng):
    """VGG-16, and windows with strides."""
    yield (VGG_16,)
    yield (VGG_16[:-1],)
    for count in (2, 4, 6):
        yield (numbers(rng, count, 3, 1),)


def dilations(rng):
    """Dilations, alone and with strides."""
    for count in (2, 3, 5):
        yield (numbers(rng, count, 1, 4),)
        yield (numbers(rng, count, 3, 4),)


def one_stage(rng):
    """One or two stages."""
    yield (2,), int(rng.integers(2, 6)), 6, 7, 3
    yield (1, 3), int(rng.integers(2, 6)), 8, 5, 4


def columns(rng):
    """Five stages as in the table, narrow, and six: more than 8 times the width there is not."""
    for layers in ((1, 1, 2, 2, 2), (2, 2, 3, 3, 3)):
        yield layers, int(rng.integers(1, 4)), 64, int(rng.integers(5, 20)), int(rng.integers(2, 9))
    yield (1, 2, 1, 1, 2, 1), int(rng.integers(1, 4)), 128, 11, 6


def eigen(rng):
    """Eigenvalues far from each other and from 1, largest first; eigenvectors that no axis is."""
    vec = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return np.array([0.6, 0.15, 0.03]) * rng.uniform(0.8, 1.2, size=3), vec


def many(rng):
    """Many small images of pixels from 0 to 1."""
    for std in (0.1, 0.35):
        yield rng.uniform(size=(600, 3, 2, 3)), *eigen(rng), std, np.random.default_rng(rng.integers(2**32))


def still(rng):
    """With a standard deviation of 0 nothing changes; one image."""
    yield rng.uniform(size=(1, 3, 4, 2)), *eigen(rng), 0.0, np.random.default_rng(1)


def light(result, images, eigval, eigvec, std, rng):
    """What must be true whatever was drawn."""
    if result.shape != images.shape or result.dtype != images.dtype:
        return f"expected {images.dtype} {images.shape}, got {result.dtype} {result.shape}"
    change = result - images
    if np.ptp(change, axis=(2, 3)).max() > 1e-9:
        return "within an image all pixels must change by the same vector"
    alpha = change[:, :, 0, 0] @ eigvec / eigval  # along the eigenvectors, over the eigenvalues
    if std == 0:
        return None if abs(change).max() < 1e-12 else "with std 0 nothing must change"
    n = len(alpha)
    if np.ptp(alpha, axis=0).min() < std / 100:
        return "different images must change differently"
    if (abs(alpha.mean(axis=0)) > 5 * std / n**0.5).any():
        return f"along the eigenvectors, the mean of alpha should be near 0, not {alpha.mean(axis=0).round(3).tolist()}"
    if (abs(alpha.std(axis=0) / std - 1) > 5 / (2 * n) ** 0.5).any():
        return f"along the eigenvectors, alpha should spread by {std}, not by {alpha.std(axis=0).round(4).tolist()}"
    if abs(np.corrcoef(alpha.T) - np.eye(3)).max() > 5 / n**0.5:
        return "the three alphas of an image should be independent"
    if abs(np.mean(np.abs(alpha) < std) - 0.6827) > 5 * (0.68 * 0.32 / (3 * n)) ** 0.5:
        return f"68 % of normal alphas lie within one standard deviation, here {np.mean(np.abs(alpha) < std):.0%}"
    return None


CHECKS = [
    Check("receptive_field", "6.1", stacks, about="stacks without stride"),
    Check("receptive_field", "6.1", strides, points=2, about="with strides"),
    Check("receptive_field", "6.1", dilations, points=2, about="with dilations"),
    Check("vgg_cost", "6.7", one_stage, points=2, about="one stage or two"),
    Check("vgg_cost", "6.8", columns, points=2, about="five stages and six"),
    Check("pca_lighting", "6.11", many, points=3, about="the law of the change", judge=light),
    Check("pca_lighting", "6.12", still, about="no change for a standard deviation of 0", judge=light),
]

test_exercise = exercise_tests(__file__, CHECKS)
