"""The line: discover, plan, assume, list, normalise, write. `collect` is the page that shows it whole."""
