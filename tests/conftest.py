"""Makes tests/common importable as `common`; tests marked slow run with --slow only."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run what takes more than a minute")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; --slow runs it"))


@pytest.fixture(autouse=True)
def one_thread():
    """Threads of torch only disturb each other on arrays as small as these, and a test process runs on each core."""
    torch.set_num_threads(1)


@pytest.fixture
def refusals_only(monkeypatch):
    """For tests that ask only whether a theorem is refused: no search for numbers at which it fails, which is a courtesy to readers."""
    monkeypatch.setattr("proofs.kernel.witness", lambda *_: None)
