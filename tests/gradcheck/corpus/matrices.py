"""Functions of a matrix as a whole: inverse, solve, determinant, factorisations, powers."""

import numpy as np
import scipy.linalg

inv, solve = np.linalg.inv, np.linalg.solve
OFF_DIAGONAL = ~np.eye(3, dtype=bool)


def determinant(a):
    return np.array(np.linalg.det(a))


def log_determinant(a):
    return np.array(np.log(np.linalg.det(a)))


def cholesky_backward(half):
    """Murray (2016), Differentiation of the Cholesky decomposition, equation 10."""

    def backward(a, dy):
        chol = np.linalg.cholesky((a + a.T) / 2)
        inner = np.tril(chol.T @ np.tril(dy))
        if half:
            inner = inner - np.diag(np.diag(inner)) / 2
        inverse = inv(chol)
        grad = inverse.T @ inner @ inverse
        return (grad + grad.T) / 2

    return backward


def power_backward(terms):
    def backward(a, dy):
        p = np.linalg.matrix_power
        return sum(p(a.T, i) @ dy @ p(a.T, 2 - i) for i in terms)

    return backward


def register(corpus):
    rng = np.random.default_rng(89)
    kind = "matrix function"
    a, b = rng.normal(size=(3, 3)) + 2 * np.eye(3), rng.normal(size=(3, 2))

    layer = corpus.subject(inv, a)
    layer.right("inverse", lambda a, dy: -inv(a).T @ dy @ inv(a).T)
    layer.wrong("inverse: minus forgotten", "sign", lambda a, dy: inv(a).T @ dy @ inv(a).T)
    layer.wrong("inverse: not transposed", kind, lambda a, dy: -inv(a) @ dy @ inv(a))
    layer.wrong("inverse: entry by entry", kind, lambda a, dy: -dy * inv(a) ** 2)
    layer = corpus.subject(solve, a, b)
    layer.right("linear solve", lambda a, b, dy: (-solve(a.T, dy) @ solve(a, b).T, solve(a.T, dy)))
    wrong = "linear solve: matrix gradient transposed"
    transposed = lambda a, b, dy: (-solve(a, b) @ solve(a.T, dy).T, solve(a.T, dy))  # noqa: E731
    layer.wrong(wrong, kind, transposed, at={0: OFF_DIAGONAL})
    wrong = "linear solve: solved without transpose"
    layer.wrong(wrong, kind, lambda a, b, dy: (-solve(a, dy) @ solve(a, b).T, solve(a, dy)), inputs=(0, 1))
    layer = corpus.subject(determinant, a)
    layer.right("determinant", lambda a, dy: dy * np.linalg.det(a) * inv(a).T)
    layer.wrong("determinant: not transposed", kind, lambda a, dy: dy * np.linalg.det(a) * inv(a), at={0: OFF_DIAGONAL})
    layer.wrong("determinant: derivative of its log", kind, lambda a, dy: dy * inv(a).T)
    layer = corpus.subject(log_determinant, rng.normal(size=(3, 3)) + 4 * np.eye(3))
    layer.right("log determinant", lambda a, dy: dy * inv(a).T)
    layer.wrong(
        "log determinant: diagonal only", kind, lambda a, dy: dy * np.diag(np.diag(inv(a))), at={0: OFF_DIAGONAL}
    )
    layer = corpus.subject(lambda a: a @ a @ a, a)
    layer.right("cube of a matrix", power_backward((0, 1, 2)))
    layer.wrong("cube of a matrix: middle term forgotten", kind, power_backward((0, 2)))
    layer.wrong("cube of a matrix: 3 a^2 dy", kind, power_backward((2, 2, 2)))
    small = rng.normal(size=(3, 3)) / 2
    layer = corpus.subject(scipy.linalg.expm, small)
    frechet = lambda a, dy: scipy.linalg.expm_frechet(a.T, dy, compute_expm=False)  # noqa: E731
    layer.right("matrix exponential", frechet)
    layer.wrong("matrix exponential: as if it commuted", kind, lambda a, dy: scipy.linalg.expm(a.T) @ dy)
    layer = corpus.subject(lambda a: np.linalg.cholesky((a + a.T) / 2), a @ a.T + np.eye(3))
    layer.right("cholesky", cholesky_backward(half=True))
    layer.wrong("cholesky: diagonal not halved", kind, cholesky_backward(half=False))
    layer = corpus.subject(lambda a: np.array(np.linalg.svd(a, compute_uv=False).sum()), b)

    def nuclear(a, dy):
        u, _, v = np.linalg.svd(a, full_matrices=False)
        return dy * u @ v

    def top(a, dy):
        u, _, v = np.linalg.svd(a, full_matrices=False)
        return dy * np.outer(u[:, 0], v[0])

    layer.right("nuclear norm", nuclear)
    layer.wrong("nuclear norm: largest singular value only", kind, top)
    symmetric = rng.normal(size=(3, 3))
    layer = corpus.subject(lambda a: np.linalg.eigvalsh((a + a.T) / 2), symmetric)

    def eigenvalues(square):
        def backward(a, dy):
            vectors = np.linalg.eigh((a + a.T) / 2)[1]
            return vectors * dy @ (vectors if not square else vectors.T)

        return backward

    layer.right("eigenvalues", eigenvalues(square=True))
    layer.wrong("eigenvalues: eigenvectors not transposed", kind, eigenvalues(square=False))
    layer = corpus.subject(lambda a: np.array(np.trace(a @ a)), a)
    layer.right("trace of a square", lambda a, dy: 2 * dy * a.T)
    layer.wrong("trace of a square: not transposed", "transpose", lambda a, dy: 2 * dy * a, at={0: OFF_DIAGONAL})
