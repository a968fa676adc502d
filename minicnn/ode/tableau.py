"""Runge-Kutta methods as tables of fractions.

A method of s stages takes the step from (t, y) to t + h by

    k_i = f(t + c_i h, y + h sum_{j < i} a_ij k_j),  i = 1, ..., s,        y_next = y + h sum_i b_i k_i.        (26.4)

E. Hairer, S. P. Norsett, G. Wanner 1993, Solving Ordinary Differential Equations I, sections II.1, II.5 and II.6. Rows are exact
fractions, and tests/ode/test_tableau.py checks the order conditions on them exactly.
"""

from dataclasses import dataclass
from fractions import Fraction as Q

from ..errors import InputError

__all__ = ["Tableau", "METHODS", "find_tableau"]


@dataclass(frozen=True)
class Tableau:
    """One method. c, a, b as above; the first stage always has c = 0.

    error: b minus the weights of a method of lower order, whose difference to y_next estimates the error; empty: none.
    dense: for each stage the coefficients of b_i(theta) by rising powers from theta^1: y(t + theta h) = y + h sum b_i(theta) k_i.
    """

    name: str
    order: int
    c: tuple
    a: tuple
    b: tuple
    error: tuple = ()
    dense: tuple = ()

    @property
    def last_is_next(self):
        """True if the last stage is f at (t + h, y_next), and so the first of the step that follows."""
        return self.c[-1] == 1 and self.a[-1] == self.b[:-1] and self.b[-1] == 0


def _times(p, q):
    """The product of two polynomials, coefficients by rising powers."""
    result = [Q(0)] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            result[i + j] += x * y
    return result


def _dense_dopri5(b):
    """The interpolant of order 4, Hairer et al. (6.12): theta^2 (3 - 2 theta) b_i + start_i + theta^2 (theta - 1)^2 q_i(theta)."""
    bubble = [Q(0), Q(0), Q(1), Q(-2), Q(1)]  # theta^2 (theta - 1)^2
    start = {0: [Q(0), Q(1), Q(-2), Q(1)], 6: [Q(0), Q(0), Q(-1), Q(1)]}  # theta (theta - 1)^2 and theta^2 (theta - 1)
    quotients = {0: (Q(-5, 11282082432), 2558722523, 31403016), 2: (Q(100, 32700410799), 882725551, 15701508),
                 3: (Q(-25, 1880347072), 443332067, 31403016), 4: (Q(32805, 199316789632), 23143187, 3489224),
                 5: (Q(-55, 822651844), 29972135, 7076736), 6: (Q(10, 29380423), 7414447, 829305)}
    rows = []
    for i, weight in enumerate(b):
        factor, p, q = quotients.get(i, (Q(0), 0, 0))
        parts = [[Q(0), Q(0), 3 * weight, -2 * weight], start.get(i, []), _times(bubble, [factor * p, -factor * q])]
        rows.append(tuple(sum((part[k] for part in parts if k < len(part)), Q(0)) for k in range(1, 6)))
    return tuple(rows)


_DOPRI5_B = (Q(35, 384), Q(0), Q(500, 1113), Q(125, 192), Q(-2187, 6784), Q(11, 84), Q(0))
_DOPRI5_LOWER = (Q(5179, 57600), Q(0), Q(7571, 16695), Q(393, 640), Q(-92097, 339200), Q(187, 2100), Q(1, 40))

METHODS = {tableau.name: tableau for tableau in (
    Tableau("euler", 1, (Q(0),), ((),), (Q(1),)),
    Tableau("midpoint", 2, (Q(0), Q(1, 2)), ((), (Q(1, 2),)), (Q(0), Q(1))),
    Tableau("heun", 2, (Q(0), Q(1)), ((), (Q(1),)), (Q(1, 2), Q(1, 2))),
    Tableau("rk4", 4, (Q(0), Q(1, 2), Q(1, 2), Q(1)), ((), (Q(1, 2),), (Q(0), Q(1, 2)), (Q(0), Q(0), Q(1))),
            (Q(1, 6), Q(1, 3), Q(1, 3), Q(1, 6))),
    Tableau("dopri5", 5, (Q(0), Q(1, 5), Q(3, 10), Q(4, 5), Q(8, 9), Q(1), Q(1)), (
        (), (Q(1, 5),), (Q(3, 40), Q(9, 40)), (Q(44, 45), Q(-56, 15), Q(32, 9)),
        (Q(19372, 6561), Q(-25360, 2187), Q(64448, 6561), Q(-212, 729)),
        (Q(9017, 3168), Q(-355, 33), Q(46732, 5247), Q(49, 176), Q(-5103, 18656)), _DOPRI5_B[:6]), _DOPRI5_B,
        error=tuple(x - y for x, y in zip(_DOPRI5_B, _DOPRI5_LOWER)), dense=_dense_dopri5(_DOPRI5_B)),
)}


def find_tableau(function, method):
    """The table of a method by its name."""
    if method not in METHODS:
        raise InputError(function, "method", "one of " + ", ".join(METHODS), repr(method))
    return METHODS[method]
