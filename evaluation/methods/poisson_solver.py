"""Poisson's equation on a grid with some pixels given: conjugate gradients with multigrid.

The preconditioner is a symmetric V-cycle over grids that halve until they are small: 2x2 pixels are
joined into one (Galerkin's product), Jacobi smooths before and after. So the number of iterations
hardly grows with the picture. Briggs, Henson & McCormick 2000, "A Multigrid Tutorial".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import LinearOperator, cg, splu

DAMPING = 0.7  # of Jacobi's method; 2/3 to 0.8 smooth best in two dimensions
SMOOTHINGS = 2  # before and after each coarser grid
COARSEST = 300  # unknowns that are solved for directly
TOLERANCE = 1e-4  # of the residual, relative
MAX_ITERATIONS = 300

Vector = NDArray[np.float64]


class PoissonSolver:
    """Solves div(grad u) = div(step) where u is not given; borders of the picture are free.

    Args:
        unknown: bool (H, W); at least one pixel is, and every piece of them touches a given one.
    """

    def __init__(self, unknown: NDArray[np.bool_]) -> None:
        self._unknown = unknown
        number = np.cumsum(unknown).reshape(unknown.shape) - 1
        self._matrix = _laplacian(unknown, number)
        rows, columns = np.nonzero(unknown)
        self._levels, self._coarsest = _levels(self._matrix, rows, columns)

    def solve(self, given: Vector, down: Vector, right: Vector) -> Vector:
        """The field whose differences are as near as can be to those wanted.

        Args:
            given: float64 (H, W), its values where they are known; elsewhere a guess to start from.
            down: wanted u[y + 1, x] - u[y, x], float64 (H - 1, W).
            right: wanted u[y, x + 1] - u[y, x], float64 (H, W - 1).

        Returns:
            float64 (H, W), equal to `given` where that is known.
        """
        known = np.where(self._unknown, 0.0, given)
        side = np.zeros(given.shape)
        side[1:] += down + known[:-1]
        side[:-1] += known[1:] - down
        side[:, 1:] += right + known[:, :-1]
        side[:, :-1] += known[:, 1:] - right
        size = self._matrix.shape
        found, _ = cg(
            self._matrix,
            side[self._unknown],
            x0=given[self._unknown],
            rtol=TOLERANCE,
            maxiter=MAX_ITERATIONS,
            M=LinearOperator(size, self._cycle, dtype=np.float64),
        )
        result = known
        result[self._unknown] = found
        return result

    def _cycle(self, residual: Vector, depth: int = 0) -> Vector:
        if depth == len(self._levels):
            return np.asarray(self._coarsest.solve(residual), np.float64)
        matrix, inverse, joined = self._levels[depth]
        found = inverse * residual
        for _ in range(SMOOTHINGS - 1):
            found += inverse * (residual - matrix @ found)
        found += joined @ self._cycle(joined.T @ (residual - matrix @ found), depth + 1)
        for _ in range(SMOOTHINGS):
            found += inverse * (residual - matrix @ found)
        return found


def _laplacian(unknown: NDArray[np.bool_], number: NDArray[np.int64]) -> Any:
    """Minus the five-point Laplacian among the unknown pixels, given neighbours on the diagonal."""
    degree = np.full(unknown.shape, 4.0)
    for edge in (degree[0], degree[-1], degree[:, 0], degree[:, -1]):
        edge -= 1
    pairs = [
        np.stack([number[a][both], number[b][both]])
        for a, b in (((slice(1, None),), (slice(None, -1),)), (_ALL_BUT_FIRST, _ALL_BUT_LAST))
        for both in (unknown[a] & unknown[b],)
    ]
    one, other = np.concatenate(pairs, axis=1)
    size = int(unknown.sum())
    links = coo_array((np.ones(one.size), (one, other)), (size, size)).tocsr()
    return csr_array(diags_array(degree[unknown]) - links - links.T)


_ALL_BUT_FIRST = (slice(None), slice(1, None))
_ALL_BUT_LAST = (slice(None), slice(None, -1))


def _levels(
    matrix: Any, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[list[tuple[Any, Vector, Any]], Any]:
    """(matrix, damped inverse of its diagonal, which unknowns the next grid joins) of each grid,
    finest first; and the coarsest grid, factorised."""
    levels = []
    while matrix.shape[0] > COARSEST:
        rows, columns = rows // 2, columns // 2
        cells, cell = np.unique(rows * (columns.max() + 1) + columns, return_inverse=True)
        if cells.size == matrix.shape[0]:
            break
        width = columns.max() + 1
        joined = csr_array(
            (np.ones(cell.size), (np.arange(cell.size), cell)), (cell.size, cells.size)
        )
        levels.append((matrix, DAMPING / matrix.diagonal(), joined))
        matrix = csr_array(joined.T @ matrix @ joined)
        rows, columns = np.divmod(cells, width)
    return levels, splu(matrix.tocsc())
