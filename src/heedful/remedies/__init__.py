"""Parts that change how attention is trained so that it may explain more; a file a remedy, for any training loop."""
