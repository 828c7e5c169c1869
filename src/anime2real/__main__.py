"""`python -m anime2real`."""

from anime2real.cli.main import program

if __name__ == "__main__":
    program()
