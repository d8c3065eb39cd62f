"""What people do with their own account: signing up and in, sessions, passwords, second factors."""
