"""How the starter profile's shipped weights came about; see README.md. No part of what runs in a shop."""
