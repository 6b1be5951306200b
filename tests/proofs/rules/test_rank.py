"""A column times a row has rank at most one."""

from common.statements import A, B, I_d, K, a, b, by, d, granted, refused, u
from sympy import MatrixSymbol

from proofs.language import Implication, Invertible, PositiveDefinite, Rank, at_most, equal

RULE = "rank"
GIVEN = (Invertible(A), Invertible(B))


def test_the_bound():
    granted(by(RULE, Implication(equal(a * b.T, A * K * B), at_most(Rank(K), 1)), A, K, B, given=GIVEN))
    granted(by(RULE, Implication(equal(a * b.T, A * K * B), at_most(d, 1)), A, K, B, given=(*GIVEN, PositiveDefinite(K))))
    granted(by(RULE, Implication(equal(a * b.T, K + 0 * A), at_most(Rank(K), 1)), I_d, K, I_d))


def test_its_neighbours():
    claim = equal(a * b.T, A * K * B)
    refused(by(RULE, Implication(claim, at_most(Rank(K), 1)), A, K, B, given=GIVEN[:1]), "not known to be invertible")
    refused(by(RULE, Implication(claim, at_most(Rank(K), 0)), A, K, B, given=GIVEN), "bound by 1")
    refused(by(RULE, Implication(claim, at_most(d, 1)), A, K, B, given=GIVEN), "is not the rank")
    refused(by(RULE, Implication(claim, at_most(Rank(A), 1)), A, K, B, given=GIVEN), "is not the rank")
    refused(by(RULE, Implication(equal(a * b.T, A * B * K), at_most(Rank(K), 1)), A, K, B, given=GIVEN), "is not the product")
    two = MatrixSymbol("T", d, 2)
    refused(by(RULE, Implication(equal(two * two.T, A * K * B), at_most(Rank(K), 1)), A, K, B, given=GIVEN), "not a column times a row")
    refused(by(RULE, Implication(equal(a * b.T + u * b.T, A * K * B), at_most(Rank(K), 1)), A, K, B, given=GIVEN), "not a column times")
    refused(by(RULE, Implication(claim, at_most(2 * d, 1)), A, K, B, given=(*GIVEN, PositiveDefinite(K))), "is not the rank")
