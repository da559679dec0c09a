"""What happens to each kind of file: rendered, run through the program and looked at, into docs/formats.md."""
