"""Linear change of Gaussian variables; whitening is the case X = X̃Tᵀ with Σ = TTᵀ.

The law of centred jointly Gaussian variables is determined by their covariances. So if the matrices Z of a mean are replaced by linear
functions φ_Z(U) of other independent Gaussian matrices U, and the φ_Z(U) have the covariances of the Z (in particular none between
different Z), then E[P(Z)] = E[P(φ(U))] for every P, polynomial or not. Arguments: (Z, φ_Z) for each Z replaced. Two forms are read:

    one matrix     Z = L U Mᵀ            checked: L R_U Lᵀ = R_Z and M C_U Mᵀ = C_Z
    columns        z_i = Σ_u L_iu u      checked: Σ_u L_iu R_u L_juᵀ = R_z_i for i = j, and = 0 for i ≠ j

R and C being row and column covariances. Each of these must hold in normal form, or be an equation l = r of a premise (or its transpose).
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

from sympy import Eq, Identity, MatrixSymbol

from proofs.algebra import ONE, Algebra, MatrixPoly, plus, scaled
from proofs.language import Mean, conjuncts, replaced
from proofs.rules.inference import Inference, Support, need, of_kind

Term = tuple[MatrixPoly, Any, MatrixPoly]  # L, u, Mᵀ


def check(step: Inference) -> Support:
    """Mean(P; Z) = Mean(P∘φ; U)."""
    equation = of_kind(step.conclusion, Eq, "an equation between two means")
    old: Any = of_kind(equation.lhs, Mean, "an equation between two means")
    new: Any = of_kind(equation.rhs, Mean, "an equation between two means")
    mapping = dict(step.arguments)
    algebra = step.algebra()
    integrand, before, after = old.args[0], set(old.args[1]), set(new.args[1])
    fresh = after - before
    need(set(mapping) <= before and after == (before - set(mapping)) | fresh, "the means do not average over the variables of the change.")
    need(all(value.shape == z.shape for z, value in mapping.items()), "a value does not have the shape of what it replaces.")
    need(not fresh & integrand.atoms(MatrixSymbol), "a new variable stands in the old integrand.")
    need(algebra.same(new, Mean(replaced(integrand, mapping), *after)), "the new integrand is not the old one after the change.")
    need(all(z in algebra.laws for z in before | after), "a variable has no law.")
    lines = {z: _terms(algebra, value, fresh) for z, value in mapping.items()}
    for left, right in _obligations(algebra, lines):
        need(_known(algebra, step, left, right), "the covariances of the new variables are not known to be those of the old.")
    algebra.scalar(old)
    return Support(algebra.licensed())


def _terms(algebra: Algebra, value: Any, fresh: set[Any]) -> list[Term]:
    """A linear function of the new variables, term by term."""
    terms: list[Term] = []
    for word, scale in algebra.matrix(value).items():
        at = [i for i, k in enumerate(word) if algebra.matrix_of(k) in fresh]
        moving = [k for k in word if algebra.speaks_of(k) & fresh]
        constant = not any(algebra.depends(algebra.atom(i)) & fresh for monomial in scale for i in monomial)
        linear = len(at) == 1 and len(moving) == 1 and constant and word[at[0]] > 0
        need(linear, f"{value} is not linear in the new variables.")
        terms.append(({word[: at[0]]: scale}, algebra.matrix_of(word[at[0]]), {word[at[0] + 1 :]: ONE}))
    return terms


def _obligations(algebra: Algebra, lines: dict[Any, list[Term]]) -> list[tuple[MatrixPoly, MatrixPoly]]:
    """The pairs of matrices that must be equal."""

    def turned(matrix: MatrixPoly) -> MatrixPoly:
        return {algebra.transposed(word): p for word, p in matrix.items()}

    def sandwiched(left: MatrixPoly, middle: Any, right: MatrixPoly) -> MatrixPoly:
        return algebra.product(algebra.product(left, algebra.matrix(middle)), turned(right))

    involved = [*lines, *(u for terms in lines.values() for _, u, _ in terms)]
    if any(z.shape[1] != 1 for z in involved):
        need(len(lines) == 1, "matrices are changed one at a time.")
        ((z, terms),) = lines.items()
        need(len(terms) == 1, f"the change of {z} must be of the form L U Mᵀ.")
        left, u, right = terms[0]
        (_, rows, columns), (_, new_rows, new_columns) = algebra.laws[z].args, algebra.laws[u].args
        return [
            (sandwiched(left, new_rows, left), algebra.matrix(rows)),
            (sandwiched(turned(right), new_columns, turned(right)), algebra.matrix(columns)),
        ]
    need(all(not right.keys() - {()} for terms in lines.values() for _, _, right in terms), "a column is multiplied from the left only.")
    pairs = []
    for a, b in combinations_with_replacement(list(lines), 2):
        total: MatrixPoly = {}
        for left, u, _ in lines[a]:
            for other, v, _ in lines[b]:
                if u == v:
                    total = _sum(total, sandwiched(left, algebra.laws[u].args[1], other))
        pairs.append((total, algebra.matrix(algebra.laws[a].args[1]) if a == b else {}))
    need(all(isinstance(algebra.laws[z].args[2], Identity) for z in involved), "the laws of columns must have column covariance 1.")
    return pairs


def _sum(left: MatrixPoly, right: MatrixPoly, sign: int = 1) -> MatrixPoly:
    return {word: plus(left.get(word, {}), scaled(right.get(word, {}), sign)) for word in {*left, *right}}


def _known(algebra: Algebra, step: Inference, left: MatrixPoly, right: MatrixPoly) -> bool:
    gap = _sum(left, right, -1)
    equations = [part for claim in (*step.claims, *step.given) for part in conjuncts(claim) if isinstance(part, Eq)]
    gaps: list[MatrixPoly] = [{}]
    for equation in equations:
        if getattr(equation.lhs, "is_Matrix", False):
            known = algebra.difference(equation.lhs, equation.rhs)
            gaps += [known, {algebra.transposed(word): p for word, p in known.items()}]
    return any(all(algebra.vanishes(p) for p in _sum(gap, known, sign).values()) for known in gaps for sign in (1, -1))
