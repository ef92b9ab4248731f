"""The service over HTTP: routes, documents, keys, limits. ``serving.http.app.create_app`` puts it together."""
