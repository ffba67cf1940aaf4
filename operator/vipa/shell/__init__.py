"""The imperative shell: watches in, writes out. Everything that decides is in `core`."""
