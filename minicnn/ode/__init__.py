"""Ordinary differential equations: solvers, and three ways to differentiate through them. Chapter 26.

odeint: through the steps that were taken; exact for them, memory grows with their number.
odeint_adjoint: the adjoint equation solved backward; flat memory, right up to the solver's error.
odeint_reversible: a method that can be run backward step by step; flat memory and exact for its steps.
"""

from .adaptive import Control, SolverError, StepUnderflow, TooManySteps
from .adjoint import odeint_adjoint
from .reversible import odeint_reversible
from .solve import odeint
from .tableau import METHODS, Tableau

__all__ = ["odeint", "odeint_adjoint", "odeint_reversible", "METHODS", "Tableau", "Control", "SolverError", "StepUnderflow",
           "TooManySteps"]
