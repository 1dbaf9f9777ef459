"""From a query and a version to the rows that match, and their order."""
