"""What the records of a feed mean, one module per documented format."""
