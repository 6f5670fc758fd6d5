"""An event database as one page to read: `python -m analytics.report FILE.sqlite`."""
