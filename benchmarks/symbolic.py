"""E[tr S^k], S = XᵀX, the sizes n and d symbols: `theory.wick` against a direct sum over pairings, and against tensorgrad from PyPI."""

from __future__ import annotations

import importlib.util
import time
from collections import Counter
from importlib.metadata import version
from math import prod
from typing import Any

from sympy import Add, Identity, Symbol, Trace, expand, factorial2

from benchmarks.clock import interleaved
from benchmarks.report import Measured, Row
from theory import notation, wick

ENUMERATED, TENSORGRAD = 7, 3


def by_rewiring(k: int) -> Any:
    """As the project does it."""
    law = wick.RandomMatrix(notation.X, Identity(notation.n), Identity(notation.d))
    return wick.expectation(Trace((notation.X.T * notation.X) ** k), law)


def by_pairings(k: int) -> Any:
    """The sum over all (2k − 1)!! pairings of the factors of tr S^k = Σ X_{i₁a₁} X_{i₁a₂} X_{i₂a₂} X_{i₂a₃} ⋯ X_{i_k a₁}.

    Factor 2j stands for X_{i_j a_j} and 2j+1 for X_{i_j a_{j+1}}: 2j and 2j+1 share their sample index, 2j+1 and 2j+2 their feature index.
    A pairing makes the indices of both kinds equal in its pairs, so it is worth n^(loops of samples) d^(loops of features). Each pairing
    is visited once, depth first; the loops are kept up as it grows: `samples` and `features` map each end of an open path to its other
    end, and to pair two ends either joins their paths or closes a loop. Powers are counted in integers, and sympy sees the sum alone.
    """
    size = 2 * k
    samples = [j ^ 1 for j in range(size)]
    features = [(j - 1) % size if j % 2 == 0 else (j + 1) % size for j in range(size)]
    counts: Counter[tuple[int, int]] = Counter()
    used = [False] * size

    def visit(first: int, n_loops: int, d_loops: int) -> None:
        while first < size and used[first]:
            first += 1
        if first == size:
            counts[n_loops, d_loops] += 1
            return
        used[first] = True
        for other in range(first + 1, size):
            if not used[other]:
                used[other] = True
                i, j = samples[first], samples[other]
                a, b = features[first], features[other]
                n_closed, d_closed = i == other, a == other
                if not n_closed:
                    samples[i], samples[j] = j, i
                if not d_closed:
                    features[a], features[b] = b, a
                visit(first + 1, n_loops + n_closed, d_loops + d_closed)
                if not n_closed:
                    samples[i], samples[j] = first, other
                if not d_closed:
                    features[a], features[b] = first, other
                used[other] = False
        used[first] = False

    visit(0, 0, 0)
    return Add(*(count * notation.n**i * notation.d**j for (i, j), count in counts.items()))


def by_tensorgrad(k: int) -> Any:
    """tensorgrad's Expectation of the same product, which it takes apart by Stein's lemma; the result read as a polynomial. To expand from
    the start is ten times faster than its `full_simplify`, which expands last."""
    from tensorgrad import Delta, Expectation, Product, Sum, Variable

    n, d = Symbol("n"), Symbol("d")
    X = Variable("X", n=n, d=d)
    factors = [X.rename(n=f"n{i}", d=f"d{(i + shift) % k}") for i in range(k) for shift in (0, 1)]
    result = Expectation(Product(factors), X)
    while (simpler := result.simplify({"expand": True})) != result:
        result = simpler

    def value(tensor: Any) -> Any:
        if isinstance(tensor, Sum):
            return sum(weight * value(term) for term, weight in zip(tensor.terms, tensor.weights, strict=True))
        if isinstance(tensor, Product):
            return prod(map(value, tensor.factors))
        if isinstance(tensor, Delta):
            return tensor.size
        return value(tensor.inputs[0]) ** tensor.signature.k  # a power

    return expand(value(result).subs({n: notation.n, d: notation.d}))


def rows_of_traces() -> tuple[list[Row], list[Measured]]:
    """Both rows; tensorgrad runs once, since it takes seconds."""
    group = f"E tr S^{ENUMERATED}"
    times = interleaved({"wick": lambda: by_rewiring(ENUMERATED), "pairings": lambda: by_pairings(ENUMERATED)}, seconds=3.0)
    what = f"{group} against all {int(factorial2(2 * ENUMERATED - 1)):,} pairings one by one"
    note = f"{times['wick'].wall * 1e3:.3g} ms against {times['pairings'].wall * 1e3:.4g} ms"
    wall, cpu = times["pairings"].wall / times["wick"].wall, times["pairings"].cpu / times["wick"].cpu
    rows = [Row(what, wall, at_least=10, cpu=cpu, note=note)]
    measured = [Measured.timed(group, "wick", "ours", times["wick"]), Measured.timed(group, "pairings", "reference", times["pairings"])]
    group = f"E tr S^{TENSORGRAD}"
    what = f"{group} against tensorgrad"
    if importlib.util.find_spec("tensorgrad") is None:
        return [
            *rows,
            Row(what, None, at_least=100, note="tensorgrad is not installed: pip install -c constraints.txt tensorgrad"),
        ], measured
    if expand(by_tensorgrad(2) - by_rewiring(2)) != 0:  # and its imports are done
        raise SystemExit("tensorgrad: another E tr S² than theory.wick; the comparison is void.")
    ours = interleaved({"wick": lambda: by_rewiring(TENSORGRAD)}, seconds=1.0)["wick"]
    wall, cpu = time.perf_counter(), time.process_time()
    theirs = by_tensorgrad(TENSORGRAD)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if expand(theirs - by_rewiring(TENSORGRAD)) != 0:
        raise SystemExit(f"tensorgrad: another {group} than theory.wick; the comparison is void.")
    note = f"{ours.wall * 1e3:.3g} ms against {wall:.3g} s, tensorgrad {version('tensorgrad')}"
    rows.append(Row(what, wall / ours.wall, at_least=100, cpu=cpu / ours.cpu, note=note))
    measured += [Measured.timed(group, "wick", "ours", ours), Measured(group, "tensorgrad", "reference", wall, cpu, 1)]
    return rows, measured
