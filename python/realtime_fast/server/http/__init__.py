"""The service as an HTTP application: routes, configuration, who is connected."""
