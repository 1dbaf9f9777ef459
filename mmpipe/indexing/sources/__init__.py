"""What an upload is: its object, its version, its rows."""
