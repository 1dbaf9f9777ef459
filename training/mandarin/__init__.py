"""How the recogniser of spoken Chinese came about: synthetic voices, and what is done to them."""
