"""The policy files an investor starts from. Data only: `app.settings.load_policy` reads them."""
