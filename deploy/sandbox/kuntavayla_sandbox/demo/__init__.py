"""The demo: day one lived through on a stack of its own, checked, and told.

What belongs here: the order of the story. The check is the independent judge's; the numbers are
what the stack itself answered.
"""

from kuntavayla_sandbox.demo.story import DemoPlan, tell_the_story

__all__ = ["DemoPlan", "tell_the_story"]
