"""Claims about `heads`."""

from __future__ import annotations

from proofs.language import equal
from proofs.theorems.heads import LEFT, PARTS, SIZE
from theory.notation import alpha, delta, g, gamma, h, j, n, sigma2

PINNED = set(), set(), set()

FALSE = {
    "two heads in four dimensions": {equal(g, j + 4): equal(g, j + 3)},
    "one head in five": {equal(h, 2): equal(h, 1)},
    "d − 1 heads in any context": {equal(h, j + n): equal(h, j + 1)},
    "d − 2 heads without noise": {equal(sigma2, 6 * (h + 1)): equal(sigma2, 0)},
    "one head less than dimensions": {equal(g, 1): equal(g, 2)},
    "n h for n (h − 1)": {LEFT: 2 + n * h},
    "gamma of one head": {PARTS[gamma]: n * (n * (SIZE + sigma2) + 2)},
    "delta without the diagonal": {PARTS[delta]: (n + 2) * ((SIZE + sigma2) ** 2 + 2 * SIZE)},
    "alpha without the heads": {PARTS[alpha]: n + 2},
    "dimension h + g": {SIZE: h + g},
}
