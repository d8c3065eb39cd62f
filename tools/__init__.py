"""Programs for those who work on Fairlead; nothing here is installed."""
