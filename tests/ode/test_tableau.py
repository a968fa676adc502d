"""The tables of Runge-Kutta methods: the order conditions, exactly in fractions."""

from fractions import Fraction as Q

import pytest

from minicnn.ode import METHODS


def rows(tableau):
    """a as a full square matrix."""
    return [list(row) + [Q(0)] * (len(tableau.c) - len(row)) for row in tableau.a]


def trees(order):
    """All rooted trees with `order` vertices, as sorted tuples of the trees that hang below the root."""
    def forests(vertices, largest):
        if vertices == 0:
            yield ()
        for size in range(min(vertices, largest[0]), 0, -1):
            for tree in trees(size):
                if (size, tree) <= largest:
                    for rest in forests(vertices - size, (size, tree)):
                        yield (tree, *rest)
    yield from forests(order - 1, (order, ()))


def size(tree):
    return 1 + sum(map(size, tree))


def density(tree):
    """gamma: the product of the sizes of all subtrees."""
    result = size(tree)
    for branch in tree:
        result *= density(branch)
    return result


def stage_products(tree, a):
    """For each stage, the product over the branches of sum_j a_ij (that of the branch at j)."""
    n = len(a)
    result = [Q(1)] * n
    for branch in tree:
        below = stage_products(branch, a)
        result = [r * sum(a[i][j] * below[j] for j in range(n)) for i, r in enumerate(result)]
    return result


def defects(tableau, weights, order):
    """Trees up to an order whose condition sum_i b_i phi_i = 1 / gamma fails (Hairer et al., theorem II.2.13)."""
    a = rows(tableau)
    return [tree for p in range(1, order + 1) for tree in trees(p)
            if sum(b * phi for b, phi in zip(weights, stage_products(tree, a))) != Q(1, density(tree))]


def test_there_are_as_many_trees_as_there_should_be():
    assert [len(list(trees(p))) for p in range(1, 7)] == [1, 1, 2, 4, 9, 20]
    assert all(size(tree) == 5 for tree in trees(5))


@pytest.mark.equation("26.4")
@pytest.mark.parametrize("name", METHODS)
def test_each_method_has_its_order_and_no_higher(name):
    tableau = METHODS[name]
    assert defects(tableau, tableau.b, tableau.order) == []
    assert defects(tableau, tableau.b, tableau.order + 1)
    for c, row in zip(tableau.c, tableau.a):
        assert sum(row) == c


@pytest.mark.equation("26.5")
def test_the_error_of_dopri5_is_the_difference_to_a_method_of_order_4():
    tableau = METHODS["dopri5"]
    lower = [b - e for b, e in zip(tableau.b, tableau.error)]
    assert defects(tableau, lower, 4) == [] and defects(tableau, lower, 5)
    assert tableau.last_is_next and not METHODS["rk4"].last_is_next


@pytest.mark.equation("26.6")
@pytest.mark.parametrize("theta", [Q(0), Q(1, 7), Q(1, 2), Q(5, 6), Q(1)])
def test_dense_output_of_dopri5_has_order_4_everywhere(theta):
    """The conditions with theta^p in place of 1: y(t + theta h) is met to order 4, and to order 5 at the end."""
    tableau = METHODS["dopri5"]
    weights = [sum(c * theta ** (k + 1) for k, c in enumerate(row)) for row in tableau.dense]
    a = rows(tableau)
    for p in range(1, 5):
        for tree in trees(p):
            assert sum(b * phi for b, phi in zip(weights, stage_products(tree, a))) == theta ** p / density(tree)
    if theta == 1:
        assert weights == list(tableau.b)


@pytest.mark.equation("26.6")
def test_dense_output_of_dopri5_joins_with_one_slope():
    """Its derivative is k_1 at the start and k_7, the slope there, at the end."""
    tableau = METHODS["dopri5"]
    start = [row[0] for row in tableau.dense]
    end = [sum((k + 1) * c for k, c in enumerate(row)) for row in tableau.dense]
    assert start == [1, 0, 0, 0, 0, 0, 0] and end == [0, 0, 0, 0, 0, 0, 1]
