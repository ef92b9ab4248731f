"""The app over a service that knows nobody: what its workers count is looked at."""

from memory_service import MemoryService

from serving.http.app import create_app
from serving.http.settings import HttpSettings


def create():
    return create_app(MemoryService(None), HttpSettings(open_metrics=True, refresh_seconds=0.1))
