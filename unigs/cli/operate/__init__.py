"""Commands that operate a store: its champion."""
