"""How the platform is run: embedded, on local servers, in containers."""
