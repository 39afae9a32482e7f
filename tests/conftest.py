"""Settings of the whole suite."""

import os

from hypothesis import HealthCheck, settings

# Kernels compile on first use, which is no property of the code under test.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# What one test has encoded must not be found by another.
os.environ["RETRIEVAL_EMBEDDING_CACHE_BYTES"] = "0"

settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
