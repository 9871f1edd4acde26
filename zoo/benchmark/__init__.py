"""How fast the zoo trains beside others, measured in one run in which they take turns."""
