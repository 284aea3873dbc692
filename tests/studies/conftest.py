"""What the tests of studies share: two workers, started once."""

from collections.abc import Iterator

import pytest

from scenarios.study import Workplace


@pytest.fixture(scope="session")
def workers() -> Iterator[Workplace]:
    """A scheduler with two workers that stay for all tests."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", memory_limit=0, silence_logs=50
    ) as cluster:
        yield Workplace(scheduler=str(cluster.scheduler_address))  # pyright: ignore[reportAttributeAccessIssue]
