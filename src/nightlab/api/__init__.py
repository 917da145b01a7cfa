"""From Python: a study that is there, or a function and no files. All of it is in `nightlab`."""
