"""From a text to tokens, and from tokens to units."""
