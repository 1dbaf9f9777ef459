"""What is asked of a service, made of what callers have at hand."""
