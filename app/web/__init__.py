"""What every call to the service passes, the routes that a person calls, and how a run becomes an answer."""
