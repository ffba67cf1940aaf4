"""What in `charts/` is made from something else, and how."""
