"""What a terminal shows while a campaign is worked on, and what a pipe gets instead."""
