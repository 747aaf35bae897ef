"""The trade in words: errors, seasons, columns, crops, names, Spanish formatting. No I/O."""
