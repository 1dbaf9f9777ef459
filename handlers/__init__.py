"""Lambda entry points: parse, one call, partial-batch response. They import no heavy library."""
