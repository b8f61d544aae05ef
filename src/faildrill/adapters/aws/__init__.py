"""AWS: clusters of Aurora, asked through the API of an account."""
