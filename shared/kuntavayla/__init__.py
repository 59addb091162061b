"""Plumbing and the common language of the Kuntaväylä services; knows no service."""
