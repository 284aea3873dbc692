"""The room in a browser: a server on this machine draws, its page shows and passes on hands; needs the extra `web`."""
