"""Pure rules: no I/O, no clock, no third party. Time and randomness are arguments."""
