"""The app over the small market."""

import pytest
from asked import Asking
from memory_service import MemoryService


@pytest.fixture
def service(scorer):
    return MemoryService(scorer)


@pytest.fixture
def ask(service):
    asking = Asking(service)
    yield asking
    asking.close()


@pytest.fixture
def ask_with(scorer):
    """Makes an app with other settings."""
    made = []

    def make(settings=None, service=None, **given):
        made.append(Asking(service or MemoryService(scorer), settings, **given))
        return made[-1]

    yield make
    for one in made:
        one.close()
