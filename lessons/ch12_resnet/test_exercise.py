"""Chapter 12: what is checked. Run `pytest lessons/ch12_resnet`."""

from minicnn.teaching.grader import Check, exercise_tests


def pictures_for_a(rng):
    """x, out_channels, stride: odd and even sides, strides 1 to 3, a batch of one, no channels to add."""
    yield rng.normal(size=(2, 3, 7, 6)), 8, 2
    yield rng.normal(size=(1, 2, 8, 5)), 6, 3
    yield rng.normal(size=(3, 2, 4, 5)), 7, 1
    yield rng.normal(size=(2, 4, 6, 9)), 4, 2


def block(rng, n, c, out, h, w, stride, projection=False):
    """The arguments of basic_block."""
    return (rng.normal(size=(n, c, h, w)), rng.normal(size=(out, c, 3, 3)), rng.normal(size=(out, out, 3, 3)), stride,
            rng.normal(size=(out, c, 1, 1)) if projection else None)


def same_shape(rng):
    """Where the shortcut is the identity."""
    yield block(rng, 3, 4, 4, 5, 6, 1)
    yield block(rng, 1, 2, 2, 7, 4, 1)


def option_a(rng):
    """Channels and stride change."""
    yield block(rng, 3, 2, 5, 10, 12, 2)
    yield block(rng, 2, 3, 6, 11, 7, 3)


def option_b(rng):
    """With a projection."""
    yield block(rng, 3, 2, 5, 10, 12, 2, projection=True)
    yield block(rng, 2, 4, 3, 6, 5, 1, projection=True)


def one_channel(rng):
    """Where broadcasting would hide that the shortcut is missing."""
    yield block(rng, 2, 1, 4, 6, 5, 1)
    yield block(rng, 3, 1, 3, 9, 8, 2)


def gradients(rng):
    """dy, z, the Jacobian: entries of both signs; one of size 1."""
    for n in (5, 8, 1):
        z = rng.uniform(0.1, 1.5, size=n) * rng.choice([-1.0, 1.0], size=n)
        yield rng.normal(size=n), z, rng.normal(size=(n, n))


CHECKS = [
    Check("shortcut_a", "12.6", pictures_for_a, points=2),
    Check("basic_block", "12.2", same_shape, points=2, about="the identity on the shortcut"),
    Check("basic_block", "12.6", option_a, points=2, about="option A"),
    Check("basic_block", "12.6", option_b, points=2, about="option B"),
    Check("basic_block", "12.6", one_channel, about="one channel in"),
    Check("residual_backward", "12.3", gradients, points=2),
]

test_exercise = exercise_tests(__file__, CHECKS)
