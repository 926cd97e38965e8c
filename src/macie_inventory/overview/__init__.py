"""Overview: what people want to know of an inventory at a glance, read from the store."""
