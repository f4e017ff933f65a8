"""`python -m belay` is `belay`."""

from belay.cli import main

if __name__ == "__main__":
    main()
