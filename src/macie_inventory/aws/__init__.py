"""AWS: sessions, credentials, Organizations, regions and the listing itself."""
