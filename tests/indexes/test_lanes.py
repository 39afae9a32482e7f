"""Inner products of float32 come out the same, to the last bit, compiled and plain."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexes.lanes import LANES, _plain_float_dot, float_dot


@given(st.integers(0, 70), st.integers(0, 2**32), st.sampled_from([1.0, 1e-20, 1e18]))
def test_one_order_of_summation(n: int, seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    rows = (random.standard_normal(n + 3) * scale).astype(np.float32)
    query = random.standard_normal(n).astype(np.float32)
    found = float_dot(rows, 3, query, n)
    assert np.float32(found).tobytes() == np.float32(_plain_float_dot(rows, 3, query, n)).tobytes()
    exact = float(rows[3:].astype(np.float64) @ query.astype(np.float64))
    length = float(np.linalg.norm(rows[3:].astype(np.float64)) * np.linalg.norm(query))
    assert abs(float(found) - exact) <= (n / LANES + 20) * 2.0**-23 * length + 1e-37
