"""What a tuning leaves behind: upstream's ledger, a folder per iteration, the best scenario."""
