"""From the rows that match to what a response shows of them."""
