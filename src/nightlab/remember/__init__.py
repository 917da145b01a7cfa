"""The ledger, and the views that other tools read."""
