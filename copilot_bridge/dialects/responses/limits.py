"""The limits of Responses."""

from copilot_bridge.dialects.adaptation.limits import Limits

LIMITS = Limits(id_length=64, stops=0, results_follow_calls=False, documents=None, custom_tools=True)
