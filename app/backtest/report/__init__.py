"""A backtest as one HTML file: what came of it first, then the pictures, then everything that it rests on.

It works out no figure of its own: those are the JSON's. Only what pictures need is rolled or summed here.
"""

from app.backtest.report.document import html

__all__ = ["html"]
