"""`python -m cleanplate` is the command `cleanplate`."""

from cleanplate.apps.cli.main import main

if __name__ == "__main__":
    main()
