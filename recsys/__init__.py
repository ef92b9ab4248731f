"""The engine: embeds, retrieves, scores and arranges postings for candidates."""

from recsys.engine import Engine
from recsys.request import Interaction, Profile, Recommendation, Request

__all__ = ["Engine", "Interaction", "Profile", "Recommendation", "Request"]
