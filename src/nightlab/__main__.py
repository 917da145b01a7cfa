"""`python -m nightlab`."""

from nightlab.cli import main

if __name__ == "__main__":
    main()
