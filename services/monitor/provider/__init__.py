"""Signing in by OpenID Connect: the provider that the settings name is asked, and what it says is judged.

`provider` and `id_token` need the extra `oidc` and are imported only where the settings name a provider.
"""
