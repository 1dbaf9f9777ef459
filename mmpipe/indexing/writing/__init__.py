"""Where results reach the lake, and readers the result."""
