"""The default decoder: colours from flat ground, boundaries by growing regions towards them."""
