"""Scores that another tool made, as a method of an audit: read from a file or taken from its objects.

`records` says what one text's scores are and reads them from files, `objects` from what shap, lime, interpreto and
others return; `pieces` finds the tool's pieces in the text, `matching` puts their scores onto the units asked about.
"""

from heedful.auditing.given.scores import GivenScores

__all__ = ["GivenScores"]
