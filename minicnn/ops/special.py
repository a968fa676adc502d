"""The error function on arrays, which NumPy lacks: rational approximations of Cephes (float64) and a shorter one (float32)."""

from ..backend import xp_of

__all__ = ["erf"]

# erf(x) = x T(x^2)/U(x^2) for |x| <= 1; erfc(x) = exp(-x^2) P(x)/Q(x) for 1 < x < 8 (Moshier, Cephes Math Library, ndtr.c).
_T = (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3, 7.00332514112805075473e3,
      5.55923013010394962768e4)
_U = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3, 2.26290000613890934246e4,
      4.92673942608635921086e4)
_P = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0, 4.86371970985681366614e1,
      1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3,
      5.57535335369399327526e2)
_Q = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2, 9.75708501743205489753e2,
      1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3, 5.57535340817727675546e2)

# erf(x) = x A(x^2)/B(x^2) for |x| <= 4, error below 5e-7: enough for float32 (the form used in Eigen).
_A = (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
      -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02)
_B = (-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
      -1.42647390514189e-02)


def _horner(coefficients, x):
    """The polynomial with these coefficients, highest power first."""
    result = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        result *= x
        result += c
    return result


def erf(x):
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x; to 4e-16 in float64, 5e-7 in float32."""
    xp = xp_of(x)
    if x.dtype != xp.float64:
        x = x.astype(xp.float32, copy=False)
        near = xp.minimum(xp.maximum(x, x.dtype.type(-4)), x.dtype.type(4))
        square = near * near
        return near * _horner(_A, square) / _horner(_B, square)
    size = xp.abs(x)
    inner = xp.minimum(size, 1.0)
    inner = inner * _horner(_T, inner * inner) / _horner(_U, inner * inner)
    outer = xp.minimum(xp.maximum(size, 1.0), 7.0)
    outer = 1.0 - xp.exp(-outer * outer) * _horner(_P, outer) / _horner(_Q, outer)
    return xp.where(xp.isnan(x), x, xp.sign(x) * xp.where(size <= 1.0, inner, outer))
